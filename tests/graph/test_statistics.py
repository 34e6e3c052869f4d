"""Norms by statistics of each picture: spellings, flat pictures, and from a module to a verified file."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import GlobalAverage, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace_with_clip
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.runs.own_check import check_own_module

from .test_operators import train, verified
from .test_trace import conv, module


def affine(norm):
    """Numbers that are not 1 and 0."""
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(-1, 2, len(norm.weight)))
        norm.bias.copy_(torch.linspace(-0.5, 0.5, len(norm.bias)))
    return norm


def half(s, h):
    """Half instance norm, of HINet."""
    a, b = h.chunk(2, 1)
    return torch.cat([s.n(a), b], 1)


def contrast(s, h):
    """Contrast-aware channel attention, of IMDN."""
    return h * torch.sigmoid(h.std((2, 3), unbiased=False, keepdim=True) + h.mean((2, 3), keepdim=True))


def whitened(s, h):
    variance, mean = torch.var_mean(h, [2, 3], correction=0, keepdim=True)
    return (h - mean) * torch.rsqrt(variance + 1e-3)


NORMS: dict[str, tuple[Any, nn.Module, int]] = {
    "instance": (lambda s, h: s.n(h), nn.InstanceNorm2d(6), 2),
    "instance, affine": (lambda s, h: s.n(h), affine(nn.InstanceNorm2d(6, affine=True, eps=1e-3)), 2),
    "function": (lambda s, h: F.instance_norm(h, eps=1e-2), nn.Identity(), 2),
    "stored": (lambda s, h: s.n(h), nn.InstanceNorm2d(6, track_running_stats=True), 0),
    "half": (half, nn.InstanceNorm2d(3, affine=True), 2),
    "groups": (lambda s, h: s.n(h), affine(nn.GroupNorm(3, 6)), 2),
    "one group": (lambda s, h: s.n(h), nn.GroupNorm(1, 6, affine=False), 2),
    "group function": (lambda s, h: F.group_norm(h, 2, s.n.weight, s.n.bias), affine(nn.GroupNorm(2, 6)), 2),
    "contrast": (contrast, nn.Identity(), 3),
    "var_mean": (whitened, nn.Identity(), 2),
}


def network_of(name):
    middle, norm, _ = NORMS[name]
    return module(
        lambda s, x: x + s.o(F.leaky_relu(middle(s, s.c(x)), 0.2)), c=conv(3, 6), n=norm, o=conv(6, 3)
    ).eval()


@pytest.mark.parametrize("name", NORMS)
def test_spellings(name):
    network = network_of(name)
    graph = check_own_module(network).graph
    assert len(graph.of(GlobalAverage)) == NORMS[name][2]
    x = torch.rand(2, 3, 9, 6)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), atol=1e-5, rtol=1e-4)


def test_flat_pictures_through_several_norms():
    """A variance of 0 magnifies what a mean is wrong by, 300 times for each norm: means are exact there."""
    network = nn.Sequential(
        conv(3, 6), nn.InstanceNorm2d(6), nn.ReLU(), conv(6, 6), nn.InstanceNorm2d(6), nn.ReLU(), conv(6, 6),
        nn.InstanceNorm2d(6), nn.ReLU(), conv(6, 3),
    ).eval()  # fmt: skip
    assert len(check_own_module(network).graph.of(GlobalAverage)) == 6


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", ["instance, affine", "groups", "contrast"])
def test_from_a_module_to_equal_bits(name, rounding, tmp_path, picture):
    graph = deploy_form(trace_with_clip(network_of(name), [torch.rand(1, 3, 24, 36)]).graph)
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], 8, rounding)
    quantised = QuantNetwork(graph, formats, 8, rounding)
    train(quantised, scale=1)
    lowered, _ = verified(quantised, tmp_path, picture(11, 14))
    assert not lowered.streamable


@pytest.mark.parametrize("spread", [lambda h: h.std((2, 3), keepdim=True), lambda h: h.var(2, True, True)])
def test_other_spreads_are_refused(spread):
    """By one pixel less than there are: another factor for each size."""
    network = module(lambda s, x: s.c(x) / (spread(x) + 1), c=conv()).eval()
    with pytest.raises(UnsupportedOperatorError, match="unbiased=False"):
        check_own_module(network)
