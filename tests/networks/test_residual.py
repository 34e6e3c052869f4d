import pytest
import torch
import torch.nn.functional as F

from hwrts.networks import Residual


@pytest.mark.parametrize(
    ("blocks", "weights", "with_biases"),
    [(1, 40_644, 40_787), (3, 114_372, 114_643), (6, 224_964, 225_427)],
)
def test_weight_counts_are_the_papers(blocks, weights, with_biases):
    network = Residual(blocks, 64)
    kernels = [value.numel() for name, value in network.named_parameters() if name.endswith("weight")]
    assert sum(kernels) == weights
    assert sum(value.numel() for value in network.parameters()) == with_biases


@pytest.mark.parametrize("scale", [2, 3])
def test_upscaling_kernels_are_bilinear_interpolation(scale):
    """With the residual at zero the network IS bilinear interpolation inside the picture.

    Tolerance 1e-6: the same products of numbers below 1, summed in another order in float32.
    """
    network = Residual(1, 4, scale).eval()
    torch.nn.init.zeros_(network.conv_out.weight)
    x = torch.rand(1, 3, 9, 11)
    expected = F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
    inside = (..., slice(scale, -scale), slice(scale, -scale))  # at the border one pads, the other repeats
    torch.testing.assert_close(network(x)[inside], expected[inside], rtol=0, atol=1e-6)


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_fresh_network_is_close_to_bilinear(blocks):
    """Tolerance 0.02, five codes: conv_out starts at a hundredth of torch's default, not at zero."""
    network = Residual(blocks, 64).eval()
    x = torch.rand(1, 3, 12, 12)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    apart = (network(x) - expected)[..., 2:-2, 2:-2].abs().max()
    assert 0 < apart < 0.02  # 0 would leave the hidden layers without a gradient


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (5, 1), (7, 13), (16, 16)])
def test_output_is_twice_the_input(height, width):
    assert Residual(2, 4)(torch.rand(2, 3, height, width)).shape == (2, 3, 2 * height, 2 * width)


def test_gradient_reaches_every_parameter():
    network = Residual(2, 8)
    network(torch.rand(1, 3, 8, 8)).square().mean().backward()
    dead = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert dead == []


def test_keeping_flat_areas_moves_kernel_sums_and_biases_only():
    torch.manual_seed(5)
    network = Residual(1, 4).double()
    with torch.no_grad():
        network.conv_ext.weight.add_(torch.randn_like(network.conv_ext.weight))
    before = network.conv_ext.weight.detach().clone()
    network.keep_flat_areas()
    after = network.conv_ext.weight.detach()
    own = torch.eye(3, dtype=torch.float64).repeat_interleave(4, dim=0)
    assert torch.allclose(after.sum((2, 3)), own, atol=1e-12)  # nine sums of doubles near 1
    moved = after - before
    assert torch.allclose(moved, moved[:, :, :1, :1].expand_as(moved), atol=1e-12)
