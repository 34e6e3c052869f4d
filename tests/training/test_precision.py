import pytest
import torch
from torch import nn

from hwrts.networks import Residual
from hwrts.training.precision import MixedPrecision


@pytest.fixture
def network() -> Residual:
    made = Residual(2, 8).eval()
    with torch.no_grad():
        made.conv_out.weight.mul_(100)
    return made


def test_hidden_layers_are_bf16_and_the_picture_path_float32(network):
    seen: dict[str, tuple[torch.dtype, torch.dtype]] = {}

    def note(name):
        return lambda module, given, out: seen.__setitem__(name, (given[0].dtype, out.dtype))

    for name, module in network.named_modules():
        if name and not isinstance(module, nn.ModuleList):
            module.register_forward_hook(note(name))
    y = MixedPrecision(network).run(torch.rand(1, 3, 8, 8))
    bf16, full = torch.bfloat16, torch.float32
    assert seen == {
        "conv_in": (full, bf16),
        "conv.0": (bf16, bf16),
        "conv.1": (bf16, bf16),
        "conv_out": (bf16, bf16),
        "conv_ext": (full, full),
        "shuffle": (full, full),
    }
    assert y.dtype == full


def test_result_is_close_to_float32(network):
    """0.02: bf16 keeps 8 significant bits, so five layers of values below 1 err by a few 2**-8."""
    x = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        apart = (MixedPrecision(network).run(x) - network(x)).abs().max()
    assert 0 < float(apart) < 0.02


def test_a_zero_residual_leaves_the_picture_exact(network):
    """Through bf16 the picture itself would be rounded to its code grid; only the residual may be."""
    for parameter in network.conv_out.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(1, 3, 16, 16)  # not on the code grid
    with torch.inference_mode():
        assert torch.equal(MixedPrecision(network).run(x), network(x))


def test_gradients_reach_the_modules_own_parameters(network):
    MixedPrecision(network).run(torch.rand(1, 3, 8, 8)).square().mean().backward()
    assert all(value.grad is not None and value.grad.dtype == torch.float32 for value in network.parameters())


def test_trained_weights_are_seen(network):
    mixed, x = MixedPrecision(network), torch.rand(1, 3, 8, 8)
    before = mixed.run(x)
    with torch.no_grad():
        network.conv_ext.bias.add_(1)
    torch.testing.assert_close(mixed.run(x), before + 1, rtol=0, atol=1e-6)  # one float32 addition


def test_operators_in_place_are_seen_by_every_name():
    """h += x left the other name of h as it was: the network that was trained was not the one evaluated."""

    class Net(nn.Module):
        def forward(self, x):
            h = x * 2
            other = h
            h += x
            return h + other

    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(MixedPrecision(Net()).run(x), Net()(x))
