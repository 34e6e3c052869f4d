"""Resizing to the size of another tensor and with corners on corners: spellings, and to a verified file."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Places, Rounding
from hwrts.graph import Resize, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace, trace_with_clip
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import train, verified
from .test_trace import conv, module


class Attention(nn.Module):
    """ESA of RFDN, RLFN and BSRN."""

    def __init__(self, mode="bilinear"):
        super().__init__()
        self.conv1, self.conv_f = nn.Conv2d(6, 4, 1), nn.Conv2d(4, 4, 1)
        self.conv2, self.conv3 = nn.Conv2d(4, 4, 3, stride=2, padding=0), conv(4, 4)
        self.conv4, self.mode = nn.Conv2d(4, 6, 1), mode

    def forward(self, x):
        first = self.conv1(x)
        small = F.max_pool2d(self.conv2(first), kernel_size=7, stride=3)
        corners = False if self.mode == "bilinear" else None
        back = F.interpolate(self.conv3(small), (x.size(2), x.size(3)), mode=self.mode, align_corners=corners)
        return x * torch.sigmoid(self.conv4(back + self.conv_f(first)))


def network_with(part):
    return nn.Sequential(conv(3, 6), part, conv(6, 3)).eval()


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_attention_at_a_sixth_of_the_size(mode):
    network = network_with(Attention(mode))
    checked = check_own_module(network)
    (node,) = checked.graph.of(Resize)
    assert Places(node.places) is (Places.CENTRES if mode == "bilinear" else Places.NEAREST)
    assert checked.sizes.multiple == 6
    x = torch.rand(2, 3, 30, 42)
    torch.testing.assert_close(run_graph(checked.graph, x)[checked.graph.output], network(x))
    noted = noted_graph(note_graph(checked.graph)).of(Resize)[0]
    assert noted == node


CORNERS: dict[str, Any] = {
    "module": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "old module": nn.UpsamplingBilinear2d(scale_factor=2),
    "pair": nn.Upsample(scale_factor=(2, 2), mode="bilinear", align_corners=True),
    "function": lambda h: F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=True),
}


@pytest.mark.parametrize("case", CORNERS)
def test_corners_on_corners(case):
    network = module(lambda s, x: s.f(s.c(x)), c=conv()).eval()
    network.f = CORNERS[case]
    graph, x = trace(network), torch.rand(2, 3, 5, 7)
    (node,) = graph.of(Resize)
    assert (node.places, node.factor) == ("corners", 2)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    assert noted_graph(note_graph(graph)).of(Resize) == (node,)


def test_to_the_size_of_a_skip_with_corners_on_corners():
    network = module(
        lambda s, x: s.c(x) + F.interpolate(s.d(x), x.shape[2:], mode="bilinear", align_corners=True),
        c=conv(),
        d=nn.Conv2d(3, 3, 3, 2, 1),
    ).eval()
    checked = check_own_module(network)
    assert [node.factor for node in checked.graph.of(Resize)] == [2]


def test_the_pixels_of_each_are_torchs():
    """7 bits of a place: off by 1/256 of a pixel in each direction at most."""
    x = torch.rand(1, 2, 5, 9)
    for size in ((13, 8), (4, 4), (5, 9), (1, 1), (31, 2)):
        for places in Places:
            node = Resize("y", ("x", "like"), places.value)
            like = torch.zeros(1, 1, *size)
            exact = node.value(x, like)

            found = node.quantised(None, SimpleNamespace(value=x), SimpleNamespace(value=like))
            assert found.shape == exact.shape
            assert float((found - exact).abs().max()) <= 2 / 256 + 1e-6


@pytest.mark.usually(rounding=Rounding.HALF_AWAY)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_equal_bits(rounding, tmp_path, picture):
    network = network_with(nn.Sequential(Attention(), nn.MaxPool2d(2), CORNERS["module"]))
    traced = trace_with_clip(network, [torch.rand(1, 3, 48, 96)]).graph
    quantised = quantise_graph(traced, rounding)
    train(quantised, side=24, scale=1)
    lowered, _ = verified(quantised, tmp_path, picture(24, 36))
    assert not lowered.streamable
    assert_integers_equal_values(quantised, picture(18, 24, seed=1))


def quantise_graph(graph, rounding):
    deployed = deploy_form(graph)
    formats = calibrate(deployed, [torch.rand(2, 3, 24, 24)], 8, rounding)
    return QuantNetwork(deployed, formats, 8, rounding)


def test_modes_of_other_taps_are_refused():
    network = network_with(Attention("bicubic"))
    with pytest.raises(UnsupportedOperatorError, match="the same whole factor in both directions"):
        check_own_module(network)
