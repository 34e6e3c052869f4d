"""The grid of the weights keeps every accumulator exact in float32, whatever the weights are."""

import copy

import numpy as np
import pytest
import torch

from hwrts.export import to_onnx, verify
from hwrts.fixed_point import FLOAT32_LIMIT, PIXEL, Format, Rounding, layer_bounds
from hwrts.fixed_point import Conv as IntegerConv
from hwrts.graph import Conv, Graph, Input
from hwrts.graph.operators.conv_part import range_and_rounding
from hwrts.graph.weight_range import WeightRange
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness

from ..qat.test_qat import assert_integers_equal_values


def wide(channels: int, kernel: int, bits: int = 8, fill: float | None = None) -> QuantNetwork:
    """A picture to many channels to a picture; the second convolution's sums are the long ones."""
    first = torch.randn(channels, 3, 1, 1)
    second = torch.empty(3, channels, kernel, kernel).uniform_(-1, 1)
    if fill is not None:
        second.fill_(fill)
    graph = Graph(
        (
            Input("x", 3),
            Conv("a", ("x",), first, torch.randn(channels), relu=True),
            Conv("b", ("a",), second, torch.randn(3)),
        )
    )
    formats = {"x": PIXEL, "a": Format(False, 8, 8), "b": PIXEL}
    return QuantNetwork(graph, formats, bits).eval()


@pytest.mark.parametrize(
    ("channels", "kernel", "fill", "given_up"),
    [
        (64, 3, None, 0),  # 576 * 127 / 2 * 255 = 9.3 million: the usual case is left as it is
        (64, 3, 0.99, 1),  # 576 * 127 * 255 = 18.7 million
        (64, 5, None, 1),  # 1600 * 64 * 255 = 26 million
        (64, 5, -0.99, 2),
        (64, 9, None, 3),  # 5184 * 64 * 255 = 84 million
        (64, 9, 0.99, 4),  # the worst there is
    ],
)
def test_wide_channels_give_up_as_many_bits_as_they_need(channels, kernel, fill, given_up):
    conv = wide(channels, kernel, fill=fill).lower().layer("b")
    assert isinstance(conv, IntegerConv)
    source = Format(False, 8, 8)
    found = layer_bounds(conv, [source], Rounding.HALF_EVEN).partial_sum
    assert (found < FLOAT32_LIMIT).all()
    assert conv.weight_frac.tolist() == [7 - given_up] * 3
    finer = 2 * np.abs(conv.weight_i8.astype(np.int64)).reshape(3, -1).sum(1) * source.magnitude
    if given_up:  # one bit less would not have been enough; rounding moves the sum by half a code a tap
        assert (finer > FLOAT32_LIMIT * 0.97).all()


def test_one_grid_is_the_range_of_the_channel_that_needs_most():
    weight = torch.tensor([[0.25, -0.5], [0.125, 0.0], [-0.75, 0.5]])
    assert WeightRange(8, PIXEL)(weight).tolist() == [0.5, 0.125, 0.75]
    assert WeightRange(8, PIXEL, one_grid=True)(weight).tolist() == [0.75] * 3


def test_sums_are_not_looked_at_where_they_cannot_pass_the_limit(monkeypatch):
    """What is spared gives the ranges that it would have given, and it is spared in the usual layer alone."""
    torch.manual_seed(5)
    spared = []
    for channels, kernel, bias in ((8, 3, 0.1), (64, 3, 0.1), (64, 3, 4.0), (64, 5, 0.1), (8, 3, 300.0)):
        for size in (1e-3, 0.3, 1.0):
            quantised = wide(channels, kernel)
            part = quantised.part(quantised.graph.of(Conv)[1])
            with torch.no_grad():
                part.weight.uniform_(-size, size)
                part.bias.fill_(bias)
            ranges, _ = range_and_rounding(part)
            assert isinstance(ranges, WeightRange)
            found = ranges(part.weight.flatten(1))
            spared.append(ranges._always_exact(part.weight[0].numel()))
            with monkeypatch.context() as patch:
                patch.setattr(WeightRange, "_always_exact", lambda *_: False)
                assert torch.equal(ranges(part.weight.flatten(1)), found)
    assert {True, False} == set(spared)
    assert spared[:3] == [True] * 3


@pytest.mark.full_verdict
@pytest.mark.parametrize("bits", [8, 7, 4, 2])
@pytest.mark.parametrize("kernel", [5, 9])
def test_long_sums_agree_in_every_witness(picture, kernel, bits):
    quantised = wide(64, kernel, bits)
    network = quantised.lower()
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {},
        [TorchWitness(quantised, network)],
        stimuli=["one row", "impulse"],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert all(entry["exact_in_float32"] for entry in verdict.facts["bounds"].values())
    assert "torch fake-quantised float32" in {row.witness for row in verdict.rows.values()}


def test_the_bound_follows_the_training(picture):
    """Weights and biases that grow after the module was made: the scale is of what is there now."""
    quantised = wide(64, 5)
    other = copy.deepcopy(quantised)
    with torch.no_grad():
        quantised.convs["b"].weight.fill_(3.9)
        quantised.convs["b"].bias.fill_(200.0)
    assert_integers_equal_values(quantised, picture(5, 6))
    conv = quantised.lower().layer("b")
    assert isinstance(conv, IntegerConv)
    assert (layer_bounds(conv, [Format(False, 8, 8)], Rounding.HALF_EVEN).partial_sum < FLOAT32_LIMIT).all()
    assert conv.weight_frac.tolist() == [3, 3, 3]
    assert other.lower().layer("b").weight_frac.tolist() == [6, 6, 6]  # a copy watches its own bias


def test_gradients_reach_the_weights():
    quantised = wide(64, 5).train()
    quantised(torch.rand(1, 3, 6, 6)).sum().backward()
    grad = quantised.convs["b"].weight.grad
    assert torch.isfinite(grad).all()
    assert float(grad.abs().max()) > 0


def test_channels_that_fit_keep_their_range():
    ranges = WeightRange(8, Format(False, 8, 8))
    weight = torch.tensor([[0.5, -0.75], [1e-9, 0.0]])
    conv = torch.nn.Conv2d(1, 2, 1)
    assert conv.bias is not None
    torch.nn.init.zeros_(conv.bias)
    ranges.watch(conv)
    assert ranges(weight).tolist() == weight.abs().amax(1).tolist()
