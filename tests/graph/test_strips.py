"""Means and maxima of rows and of columns: strip pooling, attention by coordinates, and what is refused."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.graph import GlobalAverage, Maximum, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace, trace_with_clip
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.runs.own_check import check_own_module

from .test_operators import train, verified
from .test_trace import conv, module

SPELLED: dict[str, Any] = {
    "rows": lambda h: h.mean(3, keepdim=True),
    "rows by -1": lambda h: torch.mean(h, dim=-1, keepdim=True),
    "rows by a pool": nn.AdaptiveAvgPool2d((None, 1)),
    "rows by a pool to a size": lambda h: F.adaptive_avg_pool2d(h, (h.shape[2], 1)),
    "columns": lambda h: h.mean([2], True),
    "columns by a pool": lambda h: F.adaptive_avg_pool2d(h, (1, None)),
    "largest of rows": lambda h: h.amax(3, keepdim=True),
    "largest of rows, with places": lambda h: torch.max(h, 3, keepdim=True)[0],
    "largest of columns": nn.AdaptiveMaxPool2d((1, None)),
}


@pytest.mark.parametrize("name", SPELLED)
def test_spellings(name):
    network = module(lambda s, x: (lambda h: h * torch.sigmoid(s.f(h)))(s.c(x)), c=conv()).eval()
    network.f = SPELLED[name]
    graph = check_own_module(network).graph
    kind = Maximum if "largest" in name else GlobalAverage
    node: Any
    (node,) = graph.of(kind)
    line = "rows" if "rows" in name else "columns"
    assert (node.over if kind is Maximum else node.along) == line
    x = torch.randn(2, 3, 6, 7)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    assert noted_graph(note_graph(graph)).of(kind) == (node,)


class Pooled(nn.Module):
    """Strip pooling."""

    def __init__(self, widened):
        super().__init__()
        self.c1, self.c2 = conv(6, 6, (3, 1), padding=(1, 0)), conv(6, 6, (1, 3), padding=(0, 1))
        self.widened = widened

    def forward(self, x: Tensor) -> Tensor:
        a, b = (
            self.widened(strip, x)
            for strip in (self.c1(x.mean(3, keepdim=True)), self.c2(x.mean(2, keepdim=True)))
        )
        return x * torch.sigmoid(a + b)


WIDENED: list[Any] = [
    lambda strip, x: strip,
    lambda strip, x: strip.expand(-1, -1, x.shape[2], x.shape[3]),
    lambda strip, x: strip.expand_as(x),
    lambda strip, x: F.interpolate(strip, (x.size(2), x.size(3)), mode="bilinear", align_corners=False),
]


class Coordinates(nn.Module):
    """Attention by coordinates, as its authors write it."""

    def __init__(self, channels=6, inner=4, act=None):
        super().__init__()
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv1, self.bn1 = nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner)
        self.act = act or (lambda y: y * (F.relu6(y + 3) / 6))
        self.conv_h, self.conv_w = nn.Conv2d(inner, channels, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.size()
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        y = self.act(self.bn1(self.conv1(y)))
        y_h, y_w = torch.split(y, [h, w], dim=2)
        return x * self.conv_w(y_w.permute(0, 1, 3, 2)).sigmoid() * self.conv_h(y_h).sigmoid()


def network_with(part):
    return nn.Sequential(conv(3, 6), part, conv(6, 3)).eval()


PARTS: dict[str, Any] = {
    **{f"pooled {i}": lambda widened=widened: Pooled(widened) for i, widened in enumerate(WIDENED)},
    "coordinates": Coordinates,
    "coordinates, Hardswish": lambda: Coordinates(act=nn.Hardswish()),
    "coordinates, LeakyReLU": lambda: Coordinates(act=nn.Sequential(nn.LeakyReLU(0.2), nn.Dropout(0.1))),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_is_made_of_strips_is_the_module(name):
    network = network_with(PARTS[name]())
    graph = check_own_module(network).graph
    assert [node.along for node in graph.of(GlobalAverage)] == ["rows", "columns"]
    x = torch.rand(2, 3, 9, 6)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))


@pytest.mark.usually(rounding=Rounding.DOUBLE)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_equal_bits(rounding, tmp_path, picture):
    network = network_with(nn.Sequential(Coordinates(), Pooled(WIDENED[0])))
    graph = trace_with_clip(network, [torch.rand(1, 3, 24, 36)]).graph
    largest = module(lambda s, x: s.c(x) - s.c(x).amax(3, keepdim=True), c=conv()).eval()
    for part, traced in (("means", graph), ("maxima", trace(largest))):
        quantised = quantise_graph(traced, rounding)
        (tmp_path / part).mkdir()
        train(quantised, scale=1)
        lowered, _ = verified(quantised, tmp_path / part, picture(11, 14))
        assert not lowered.streamable


def quantise_graph(graph, rounding):
    deployed = deploy_form(graph)
    formats = calibrate(deployed, [torch.rand(2, 3, 16, 16)], 8, rounding)
    return QuantNetwork(deployed, formats, 8, rounding)


class Turned(Coordinates):
    """What reads its neighbours at the seam of the two strips."""

    def __init__(self):
        super().__init__()
        self.conv1 = conv(6, 4, (3, 1), padding=(1, 0))


class Pooled3(Pooled):
    """A kernel that sees zeros beside the strip."""

    def __init__(self):
        super().__init__(WIDENED[0])
        self.c1 = conv(6, 6)


REFUSED: dict[str, tuple[Any, str]] = {
    "neighbours": (Turned, "along dimension 2; dim=1, the channels"),
    "a kernel across": (Pooled3, "computes something else"),
    "a strip": (lambda: nn.AdaptiveAvgPool2d((None, 1)), "and its traced graph"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    part, words = REFUSED[name]
    network = nn.Sequential(conv(3, 6), part()) if name == "a strip" else network_with(part())
    with pytest.raises(UnsupportedOperatorError, match=words) as caught:
        check_own_module(network)
    assert "\n" not in str(caught.value)


ACROSS: dict[str, Any] = {
    "a convolution": lambda s, h: h * s.c(h.mean(3, keepdim=True)),
    "a mean": lambda s, h: h * F.avg_pool2d(h.mean(2, keepdim=True), 3, 1, 1),
    "returned": lambda s, h: h.amax(3, keepdim=True),
}


@pytest.mark.parametrize("name", ACROSS)
def test_what_reads_across_a_strip_is_told_so(name):
    network = module(lambda s, x: ACROSS[name](s, s.a(x)), a=conv(3, 6), c=conv(6, 6)).eval()
    with pytest.raises(UnsupportedOperatorError, match="one pixel wide in the module") as caught:
        check_own_module(network)
    assert "\n" not in str(caught.value)
