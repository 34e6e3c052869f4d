"""Max pooling and pixels that become channels: spellings, and U-Nets as the field writes them."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts import fixed_point
from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import MaxPool, SpaceToDepth, run_graph
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace

from .test_operators import quantise, train, verified
from .test_trace import conv, module

POOLS: dict[str, tuple[Any, ...]] = {
    "module": (nn.MaxPool2d(2), (2, 2), 2, (0, 0, 0, 0)),
    "stride": (nn.MaxPool2d((3, 2), stride=2, padding=(1, 0)), (3, 2), 2, (1, 0, 1, 0)),
    "function": (lambda h: F.max_pool2d(h, 2), (2, 2), 2, (0, 0, 0, 0)),
    "names": (lambda h: F.max_pool2d(h, kernel_size=3, stride=2, padding=1), (3, 3), 2, (1, 1, 1, 1)),
    "torch": (lambda h: torch.max_pool2d(h, [3, 3], [1, 1], [1, 1]), (3, 3), 1, (1, 1, 1, 1)),
    "rounded up, nothing left": (nn.MaxPool2d(2, ceil_mode=True), (2, 2), 2, (0, 0, 0, 0)),
    "rounded up": (nn.MaxPool2d(3, 2, ceil_mode=True), (3, 3), 2, (0, 0, 1, 1)),
}


@pytest.mark.parametrize("name", POOLS)
def test_spellings_of_max_pooling(name):
    spelled, kernel, stride, pads = POOLS[name]
    network = module(lambda s, x: s.f(s.c(x)), c=conv()).eval()
    network.f = spelled
    graph = trace(network)
    (pool,) = graph.of(MaxPool)
    assert (pool.kernel, pool.stride, pool.pads) == (kernel, stride, pads)
    for height, width in ((6, 8), (12, 10)):
        x = torch.randn(2, 3, height, width)
        torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=0)
    noted = noted_graph(note_graph(graph)).of(MaxPool)[0]
    assert noted == pool


UNSHUFFLED: dict[str, Any] = {
    "module": nn.PixelUnshuffle(2),
    "function": lambda h: F.pixel_unshuffle(h, 3),
    "name": lambda h: torch.pixel_unshuffle(h, downscale_factor=2),
}


@pytest.mark.parametrize("name", UNSHUFFLED)
def test_spellings_of_space_to_depth(name):
    network = module(lambda s, x: s.f(s.c(x)), c=conv()).eval()
    network.f = UNSHUFFLED[name]
    graph, x = trace(network), torch.randn(2, 3, 6, 12)
    assert len(graph.of(SpaceToDepth)) == 1
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        (nn.MaxPool2d((2, 1)), r"strides \(2, 1\); use the same in both directions"),
        (nn.MaxPool2d(3, 1, 1, dilation=2), r"dilation \(2, 2\); only 1 is supported"),
        (nn.MaxPool2d(33), "use at most 32"),
    ],
)
def test_refusals(spelled, message):
    network = module(lambda s, x: s.f(s.c(x)), c=conv()).eval()
    network.f = spelled
    with pytest.raises(UnsupportedOperatorError, match=message):
        trace(network)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda h: F.max_pool2d(h, (h.size(2) // 3, 2)),
        lambda h: F.max_pool2d(h, 2, h.mean()),
        lambda h: F.max_pool2d(h, 3, padding=h.mean()),
        lambda h: F.pixel_shuffle(h, h.mean()),
        lambda h: F.pixel_unshuffle(h, h.mean()),
    ],
)
def test_windows_of_no_number_are_no_traceback(spelled):
    """What is computed of sizes is a number on an example alone; of values, never."""
    network = module(lambda s, x: s.f(s.c(x)), c=conv()).eval()
    network.f = spelled
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert "\n" not in str(caught.value)


class UNet(nn.Module):
    """Two sizes, a skip at each; the smaller one by max pooling, and from pixels that became channels."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(12, 8, 3, padding=1)
        self.down = nn.MaxPool2d(2)
        self.deep = nn.Conv2d(8, 32, 3, padding=1)
        self.join = nn.Conv2d(16, 12, 3, padding=1)

    def forward(self, x):
        h = F.relu(self.first(F.pixel_unshuffle(x, 2)))
        up = F.pixel_shuffle(F.leaky_relu(self.deep(self.down(h)), 0.1), 2)
        return x + F.pixel_shuffle(self.join(torch.cat([up, h], 1)), 2)


@pytest.mark.parametrize("rounding", fixed_point.Rounding)
def test_a_u_net_has_no_differing_code(picture, rounding, tmp_path):
    torch.manual_seed(3)
    quantised = quantise(UNet(), rounding=rounding)
    train(quantised, side=12, scale=1)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))  # padded to 16x16
    assert (network.multiple, verdict.facts["stimuli"]["photo"]) == (4, [16, 16, 3])
    kinds = {type(layer) for layer in network.layers}
    assert {fixed_point.MaxPool, fixed_point.SpaceToDepth} <= kinds
    assert all(control["caught"] for control in verdict.controls)
