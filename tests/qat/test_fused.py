"""The step of fine-tuning beside Brevitas' modules: equal values, gradients by the order of sums at most."""

import copy
import sys
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from hwrts.config import NetworkConfig
from hwrts.fixed_point import PIXEL, Format, Rounding
from hwrts.graph import Conv, Graph, Input
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.qat import int8_conv
from hwrts.qat.calibrate import calibrate
from hwrts.qat.fused import Fused, _laid
from hwrts.qat.network import QuantNetwork, _quantiser
from hwrts.training.fit import Schedule, Training, fit

from ..graph.test_operators import Upscaler
from ..networks.test_networks import TINY, planes, tiny

LAST_BITS = 2.0**-18
"""Of the largest gradient of a tensor, where two gradients are added before Brevitas' quantiser in place of
behind it: sums of a few thousand float32 numbers in another order."""


@pytest.fixture(autouse=True, params=[1, sys.maxsize])
def worth_bytes(request, monkeypatch):
    """Convolutions of any size in bytes where they can be, and all of them in float32."""
    monkeypatch.setattr(int8_conv, "_NUMBERS", request.param)
    monkeypatch.setattr(int8_conv, "_CHANNELS", 1)


def both(quantised: QuantNetwork, x: Tensor, target: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gradients by Brevitas and by the fused step; every value of the two is equal.

    Brevitas is given the picture as the step lays it out: torch's sums of a gradient are in another order for
    each layout.
    """
    quantised.train()
    other = copy.deepcopy(quantised)
    expected, found = quantised.values(_laid(x)), Fused(other).values(x)
    assert set(expected) == set(found)
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    output = quantised.graph.output
    for values in (expected, found):
        (values[output] - target).square().mean().backward()
    grads = [
        {name: each.grad for name, each in module.named_parameters() if each.grad is not None}
        for module in (quantised, other)
    ]
    assert grads[0]
    assert set(grads[0]) == set(grads[1])
    return grads[0], grads[1]


def of(model: nn.Module, channels: int, rounding: Rounding, weight_bits: int = 8) -> QuantNetwork:
    graph = deploy_form(trace(model.eval()))
    formats = calibrate(graph, [torch.rand(2, channels, 16, 16)], 8, rounding)
    return QuantNetwork(graph, formats, weight_bits, rounding)


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", [*TINY, "every operator"])
def test_values_and_gradients_are_those_of_brevitas(name, rounding):
    torch.manual_seed(1)
    model, channels = (Upscaler(), 3) if name == "every operator" else (tiny(name), planes(name))
    with torch.no_grad():  # as trained ones: nothing is nearly 0, and some of it saturates
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 8)
    quantised = of(model, channels, rounding)
    x = torch.rand(2, channels, 16, 20)
    expected, found = both(quantised, x, torch.rand_like(quantised(x)))
    for key, gradient in expected.items():
        if quantised.graph.zero_on_flat():
            assert (gradient - found[key]).abs().max() <= LAST_BITS * gradient.abs().max(), key
        else:
            assert torch.equal(gradient, found[key]), key


@pytest.mark.parametrize("weight_bits", [2, 5])
def test_kernels_that_are_held_and_few_bits(weight_bits):
    torch.manual_seed(2)
    network = build_network(NetworkConfig(channels=8, keeps="grey"))
    quantised = of(network, 3, Rounding.HALF_EVEN, weight_bits)
    x = torch.rand(2, 3, 16, 20)
    expected, found = both(quantised, x, torch.rand_like(quantised(x)))
    for key, gradient in expected.items():
        assert (gradient - found[key]).abs().max() <= LAST_BITS * gradient.abs().max(), key


@pytest.mark.parametrize("keeps", ["nothing", "grey"])
@pytest.mark.parametrize("settings", [{"weight_bits": 4, "settle": True}, {"accumulator_bits": 15}])
def test_weights_that_settle_or_fit_a_register(settings, keeps):
    """Their grids are numbers of their own, which no gradient reaches."""
    torch.manual_seed(3)
    network = build_network(NetworkConfig(channels=8, keeps=keeps))
    graph = deploy_form(trace(network.eval()))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(2, 3, 16, 16)]), **settings)
    x = torch.rand(2, 3, 16, 20)
    expected, found = both(quantised, x, torch.rand_like(quantised(x)))
    for key, gradient in expected.items():
        assert (gradient - found[key]).abs().max() <= LAST_BITS * gradient.abs().max(), key


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
@pytest.mark.parametrize("settings", [{}, {"weight_bits": 4, "settle": True}])
def test_what_is_not_finite_reaches_the_loss(settings, number):
    """By it a training that diverged ends in one line; bytes have no NaN. Of any number that is trained."""
    torch.manual_seed(5)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
    graph = deploy_form(trace(nn.Sequential(*layers, nn.Conv2d(8, 3, 3, padding=1)).eval()))
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)])
    assert not formats[graph.of(Conv)[1].name].signed
    names = [name for name, _ in QuantNetwork(graph, formats).named_parameters()]
    assert len(names) == 7
    for name in names:
        quantised = QuantNetwork(graph, formats, **settings).train()
        with torch.no_grad():
            quantised.get_parameter(name).view(-1)[0] = number
        x = _laid(torch.rand(2, 3, 16, 20))
        expected = quantised(x)
        assert torch.equal(expected.isnan(), Fused(quantised)(x).isnan()), name
        assert expected.isnan().any() or name.endswith("bias"), name


@pytest.mark.parametrize("one_grid", [False, True])
@pytest.mark.parametrize("size", [1e-4, 0.1, 1.0])
def test_the_gradient_of_ranges_of_any_size(size, one_grid):
    """Below the smallest range, as usual, and doubled for the sake of float32."""
    torch.manual_seed(4)
    first, second = torch.randn(64, 3, 1, 1), torch.empty(3, 64, 5, 5).uniform_(-size, size)
    nodes = (
        Input("x", 3),
        Conv("a", ("x",), first, torch.randn(64), relu=True, one_grid=one_grid),
        Conv("b", ("a",), second, torch.randn(3), one_grid=one_grid),
    )
    quantised = QuantNetwork(Graph(nodes), {"x": PIXEL, "a": Format(False, 8, 7), "b": Format(True, 8, 1)})
    x = torch.rand(2, 3, 8, 8)
    expected, found = both(quantised, x, torch.rand_like(quantised(x)))
    for key, gradient in expected.items():
        assert torch.equal(gradient, found[key]), key
    largest = quantised.part(quantised.graph.of(Conv)[1]).weight.abs().flatten(1).argmax(1)
    assert len(set(largest.tolist())) > 1


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    "out", [Format(True, 8, 4), Format(False, 8, 8), Format(True, 3, -2), Format(False, 2, 1)]
)
def test_every_half_code_to_both_sides_of_the_range(out, rounding):
    """Ties at the ends of the range saturate or do not, by the rule: value and gradient."""
    halves = torch.arange(2 * out.min - 7, 2 * out.max + 8) / 2
    near = torch.cat([halves, halves.nextafter(halves + 1), halves.nextafter(halves - 1)]) * 2.0**-out.frac
    graph = Graph((Input("x", 1), Conv("y", ("x",), torch.ones(1, 1, 1, 1), torch.zeros(1))))
    fused = Fused(QuantNetwork(graph, {"x": PIXEL, "y": out}, 8, rounding))
    made = []
    for quantise in (lambda x: _quantiser(out, rounding)(x).value, fused._grids["y"]):
        x = near.clone().requires_grad_()
        y = quantise(x)
        y.backward(torch.arange(1.0, len(x) + 1))
        made.append((y.detach(), x.grad))
    assert torch.equal(made[0][0], made[1][0])
    assert torch.equal(made[0][1], made[1][1])
    assert 0 < int((made[0][1] == 0).sum()) < len(near)


@pytest.mark.parametrize(
    "laid",
    [
        lambda x: x,
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x[:, :, ::2, 1:],
        lambda x: x.permute(0, 3, 1, 2),
        lambda x: x[:, :1].expand(-1, 5, -1, -1),
        lambda x: x[1:],
    ],
)
def test_however_a_tensor_lies_in_memory(laid):
    graph = Graph((Input("x", 1), Conv("y", ("x",), torch.ones(1, 1, 1, 1), torch.zeros(1))))
    grid = Fused(QuantNetwork(graph, {"x": PIXEL, "y": PIXEL}))._grids["y"]
    x = laid(torch.rand(3, 6, 120, 130))  # more than one piece
    assert torch.equal(grid(x), (x * 256).round().clamp(0, 255) / 256)


def _keep(losses: list[float], done: int, loss: float) -> None:
    losses.append(loss)


def test_a_training_with_it_ends_in_integers_that_are_as_good(quantise):
    """Ten steps either way: the same losses to the last bits, for all that is between is equal."""
    losses: dict[bool, list[float]] = {}
    x, target = torch.rand(4, 3, 12, 12), torch.rand(4, 3, 24, 24)
    for fused in (False, True):
        quantised, _ = quantise(1, 4, seed=3)
        made: list[float] = []
        forward = Fused(quantised) if fused else quantised
        fit(
            Training.start(quantised),
            forward,
            lambda step: (x, target),
            Schedule(3e-3, 10),
            partial(_keep, made),
            constrain=quantised.hold,
        )
        losses[fused] = made
        quantised.eval().lower()
    assert losses[True][-1] < losses[True][0]
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
