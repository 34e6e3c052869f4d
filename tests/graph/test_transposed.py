"""Transposed convolutions and average pools: what they are written as, and that it is the same."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Clip, Conv, DepthToSpace, graph_channels, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace, trace_with_clip
from hwrts.networks.transposed import as_convolution, phases, taps_of

from .test_conv_spellings import functional, numbers
from .test_trace import conv, module


@pytest.mark.parametrize(
    ("stride", "kernel", "padding", "first", "taps"),
    [
        (2, 2, 0, 0, [[0], [1]]),
        (2, 4, 1, -1, [[3, 1, 4], [4, 2, 0]]),
        (2, 3, 1, 0, [[1, 3], [2, 0]]),
        (3, 3, 0, 0, [[0], [1], [2]]),
        (1, 3, 1, -1, [[2, 1, 0]]),
        (4, 2, 0, 0, [[0], [1], [2], [2]]),
    ],
)
def test_phases_by_hand(stride, kernel, padding, first, taps):
    """Pixel stride*g + r gets tap r + padding - stride*j of source pixel g + j."""
    found, places = phases(stride, kernel, padding)
    assert (found, places.tolist()) == (first, taps)


def test_a_kernel_by_hand():
    """A row of 4 at stride 2, padding 1: the even pixels see taps 3 and 1, the odd ones 2 and 0."""
    weight = torch.tensor([10.0, 20.0, 30.0, 40.0]).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    written = as_convolution(weight, 1, (2, 4, 4, 1, 1))
    assert written.shape == (4, 1, 3, 3)
    assert written[0, 0].tolist() == [[40, 20, 0], [40, 20, 0], [0, 0, 0]]
    assert written[3, 0].tolist() == [[0, 0, 0], [0, 30, 10], [0, 30, 10]]
    there = taps_of((2, 4, 4, 1, 1), 4)
    assert torch.equal(there, written != 0)
    assert int(there.sum()) == 16  # as many as the kernel has: 44 % of 36


UP: dict[str, dict[str, Any]] = {
    "2x2": {"kernel_size": 2, "stride": 2},
    "3x3": {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    "4x4": {"kernel_size": 4, "stride": 2, "padding": 1},
    "6x6": {"kernel_size": 6, "stride": 2, "padding": 2},
    "FSRCNN x2": {"kernel_size": 9, "stride": 2, "padding": 4, "output_padding": 1},
    "FSRCNN x3": {"kernel_size": 9, "stride": 3, "padding": 4, "output_padding": 2},
    "FSRCNN x4": {"kernel_size": 9, "stride": 4, "padding": 4, "output_padding": 3},
    "8x8 x8": {"kernel_size": 8, "stride": 8},
    "no bias": {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False},
    "oblong": {"kernel_size": (4, 2), "stride": 2, "padding": (1, 0)},
    "smaller than its stride": {"kernel_size": 2, "stride": 3, "output_padding": 1},
    "stride 1": {"kernel_size": 3, "padding": 1},
    "grouped": {"kernel_size": 4, "stride": 2, "padding": 1, "groups": 2},
    "depthwise": {"kernel_size": 4, "stride": 2, "padding": 1, "groups": 4, "out": 4},
}


def up(out: int = 6, **settings) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(4, out, **settings).double()


@pytest.mark.parametrize("case", UP)
def test_every_shape_is_the_module(case):
    """Tolerance 1e-13: the same products, in float64, in another order."""
    layer = up(**UP[case])
    network = module(lambda s, x: s.u(x), u=layer).eval()
    graph, x = trace(network), torch.randn(2, 4, 5, 7, dtype=torch.float64)
    expected = network(x)
    scale = expected.shape[2] // 5
    torch.testing.assert_close(run_graph(graph, x)[graph.output], expected, rtol=0, atol=1e-13)
    assert {type(node) for node in graph.operations} == ({Conv, DepthToSpace} if scale > 1 else {Conv})
    (node,) = graph.of(Conv)
    assert node.name == "u"
    if node.transposed is not None:  # the taps that there are hold all weights and nothing else
        absent = node.absent
        assert absent is not None
        assert not node.weight[absent.expand_as(node.weight)].any()
        assert int((~absent).expand_as(node.weight).sum()) == layer.weight.numel()
    assert note_graph(noted_graph(note_graph(graph))) == note_graph(graph)


def test_functions_with_weights_are_read():
    network = functional(
        lambda s, x: F.conv_transpose2d(x, s.w, s.b, 2, padding=1), w=numbers(4, 6, 4, 4), b=numbers(6)
    ).eval()
    graph, x = trace(network), torch.rand(1, 4, 5, 6)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    assert graph_channels(graph)[graph.output] == 6


def test_a_batch_norm_and_a_relu_behind_it():
    """Both vanish into the convolution: the clip of a ReLU that only a shuffle stands before is idle."""
    norm = nn.BatchNorm2d(6)
    norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(0.5, 2), norm.weight.data.uniform_(-1, 1)
    network = module(
        lambda s, x: s.last(F.relu(s.n(s.u(x)))),
        u=nn.ConvTranspose2d(4, 6, 4, 2, 1), n=norm, last=conv(6, 3),
    ).eval()  # fmt: skip
    graph, x = deploy_form(trace(network)), torch.rand(1, 4, 5, 6)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    assert [type(node) for node in graph.operations] == [Conv, DepthToSpace, Conv]
    assert not graph.of(Clip)
    assert graph.of(Conv)[0].relu


def test_places_and_names_of_what_is_written():
    """A name that the graph has already is not taken twice."""
    network = module(
        lambda s, x: s.u_pixels(s.u(x)), u=nn.ConvTranspose2d(4, 6, 2, 2), u_pixels=conv(6, 3)
    ).eval()
    traced = trace_with_clip(network)
    assert [node.name for node in traced.graph.nodes] == ["x", "u", "u_pixels_", "u_pixels"]
    assert (traced.places["u"], traced.places["u_pixels_"]) == ("'u'", "'u'")


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "too large": ({"kernel_size": 4, "stride": 2}, ["make 2*H + 2 rows", "2*H are supported"]),
    "too small": ({"kernel_size": 3, "stride": 2, "padding": 1}, ["make 2*H - 1 rows", "output_padding"]),
    "dilated": ({"kernel_size": 3, "dilation": 2, "padding": 2}, ["dilation (2, 2)"]),
    "two strides": ({"kernel_size": 2, "stride": (2, 1)}, ["stride (2, 1)"]),
    "a large stride": ({"kernel_size": 17, "stride": 17}, ["stride (17, 17)", "at most 16"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_shapes_are_refused(case):
    settings, words = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(lambda s, x: s.u(x), u=up(**settings)))
    assert all(word in str(caught.value) for word in ["ConvTranspose2d 'u'", *words]), str(caught.value)


def test_an_output_size_is_refused():
    network = module(lambda s, x: s.u(x, output_size=(8, 8)), u=nn.ConvTranspose2d(3, 3, 2, 2))
    with pytest.raises(UnsupportedOperatorError, match="its output_size is not supported"):
        trace(network)
