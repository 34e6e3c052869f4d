"""Rows and columns cut off: every spelling is one depthwise tap, which costs no more than that."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Rounding
from hwrts.fixed_point.operators import Conv as FixedConv
from hwrts.graph import Conv, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from .test_operators import quantise, verified
from .test_trace import conv, module, output_of

C = 8


def centred(h: Tensor, like: Tensor) -> Tensor:
    """A centre crop, as torchvision and U-Nets without padding have it."""
    top, left = (h.shape[2] - like.shape[2]) // 2, (h.shape[3] - like.shape[3]) // 2
    return h[:, :, top : top + like.shape[2], left : left + like.shape[3]]


CROPS = {
    "slices": lambda h, y: h[:, :, 2:-2, 2:-2],
    "slices behind an ellipsis": lambda h, y: h[..., 2:-2, 2:-2],
    "slices with steps": lambda h, y: h[:, :, 2:-2:1, 2:-2:1],
    "one after another": lambda h, y: h[:, :, 1:-1, 1:-1][..., 1:-1, 1:-1],
    "rows, then columns": lambda h, y: h[:, :, 2:-2][..., 2:-2],
    "F.pad": lambda h, y: F.pad(h, (-2, -2, -2, -2)),
    "F.pad by name": lambda h, y: F.pad(h, pad=[-2, -2, -2, -2], mode="constant", value=0.0),
    "to a size": lambda h, y: h[:, :, 2 : h.shape[2] - 2, 2 : 2 + y.size(3)],
    "narrow": lambda h, y: h.narrow(2, 2, y.shape[2]).narrow(3, 2, y.shape[3]),
    "the centre": centred,
}


def skip(crop):
    """waifu2x's: convolutions without padding, and what they read beside them."""

    def forward(self, x):
        h = F.leaky_relu(self.a(x), 0.1)
        y = F.relu(self.v(h))
        return self.b(torch.cat([y, crop(h, y)], 1))

    return module(forward, a=conv(3, C), v=nn.Conv2d(C, C, 5), b=conv(2 * C, 3))


@pytest.mark.parametrize("spelling", CROPS)
def test_every_spelling(spelling):
    torch.manual_seed(0)
    own = skip(CROPS[spelling]).eval()
    graph, x = trace(own), torch.rand(1, 3, 20, 24)
    torch.testing.assert_close(output_of(graph, x), own(x), rtol=1e-5, atol=1e-6)
    check_own_module(own)


def test_it_is_one_tap_of_each_channel():
    own = module(lambda s, x: s.a(x)[:, :, 1:, 2:-3], a=conv(3, C)).eval()
    graph, x = trace(own), torch.rand(1, 3, 12, 14)
    node = graph.operations[-1]
    assert isinstance(node, Conv)
    assert (node.groups, node.frozen, node.pads, tuple(node.weight.shape)) == (
        C,
        True,
        (0, 0, 0, 0),
        (C, 1, 2, 6),
    )
    assert node.absent is not None
    assert int((~node.absent).sum()) == C
    made = run_graph(deploy_form(graph), x)[deploy_form(graph).output]
    assert torch.equal(made, own(x))
    assert made.shape[2:] == (11, 9)


def test_channels_and_edges_at_once():
    own = module(
        lambda s, x: s.b(s.a(x)[:, [3, 1, 0], 1:-1, 1:-1] + s.a(x)[:, :3, 1:-1, 1:-1]), a=conv(3, C), b=conv()
    ).eval()
    x = torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(output_of(trace(own), x), own(x), rtol=1e-5, atol=1e-6)
    check_own_module(own)


STANDS = {
    "too many": (lambda h: h[:, :, 33:-33, 9:-9], "up to 32 a side are supported"),
    "one window": (lambda h: h[:, :, 0:32, 0:32], "crops that count from the edges"),
    "a size of its own": (lambda h: h[:, :, :47, :95], "makes "),
    "every second row": (lambda h: h[:, :, ::2, :], "takes rows, columns"),
    "more on one side": (lambda h: F.pad(h, (-1, 2, 0, 0)), "larger than the one that comes in"),
    "turned": (lambda h: h.flip(3), "'flip': rearranges values"),
}


@pytest.mark.parametrize("case", STANDS)
def test_what_is_no_crop_is_refused(case):
    middle, words = STANDS[case]
    own = module(lambda s, x: s.b(middle(s.a(x))), a=conv(3, C), b=conv(C, 3))
    with pytest.raises(UnsupportedOperatorError) as caught:
        check_own_module(own)
    assert words in str(caught.value)


@pytest.mark.usually(rounding=Rounding.HALF_AWAY)
@pytest.mark.parametrize("rounding", Rounding)
def test_a_crop_is_verified_and_costs_a_tap(picture, rounding, tmp_path):
    torch.manual_seed(0)
    quantised = quantise(skip(CROPS["F.pad"]), rounding=rounding)
    network, verdict = verified(quantised, tmp_path, picture(15, 18))
    assert verdict.mismatches == 0
    (crop,) = (layer for layer in network.layers if isinstance(layer, FixedConv) and layer.idle)
    assert crop.idle == C * (5 * 5 - 1)
    assert crop.weight_i8.any((1, 2, 3)).all()
