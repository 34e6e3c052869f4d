"""Linear blocks that are trained wide or in branches, as one convolution."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.config import NetworkConfig
from hwrts.graph import Add, Conv, Graph, run_graph
from hwrts.graph.collapse import collapsed
from hwrts.graph.kernels import summed
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.runs.own_check import check_own_module
from hwrts.settings_file import parse_config

from .test_fold import trained_norm
from .test_trace import module, output_of


def conv(i=4, o=4, k: Any = 3, **settings):
    rows, columns = (k, k) if isinstance(k, int) else k
    return nn.Conv2d(i, o, (rows, columns), **{"padding": (rows // 2, columns // 2), **settings})


def normed(*args, **settings):
    made = conv(*args, bias=False, **settings)
    return nn.Sequential(made, trained_norm(made.out_channels))


def between(block: Callable[[Any, torch.Tensor], Any], **parts: nn.Module) -> nn.Module:
    """Convolution, ReLU, what is tried, ReLU, convolution."""
    ends = {"head": conv(3, 4), "tail": conv(4, 3)}
    return module(lambda s, x: s.tail(F.relu(block(s, F.relu(s.head(x))))), **ends, **parts)


def kernels(graph: Graph) -> list[tuple[int, ...]]:
    """Shapes of the kernels of all convolutions but the first and the last."""
    return [tuple(node.weight.shape[1:]) for node in graph.of(Conv)][1:-1]


def repvgg(s, x):
    return s.a(x) + s.b(x) + s.n(x)


ONE = {
    "RepVGG": (repvgg, {"a": normed(), "b": normed(k=1), "n": trained_norm(4)}, (4, 3, 3)),
    "RepVGG in groups": (
        repvgg, {"a": normed(groups=2), "b": normed(k=1, groups=2), "n": trained_norm(4)}, (2, 3, 3)),
    "ACNet": (
        lambda s, x: s.a(x) + s.b(x) + s.c(x), {"a": normed(), "b": normed(k=(1, 3)), "c": normed(k=(3, 1))},
        (4, 3, 3)),
    "an identity": (lambda s, x: x + s.a(x), {"a": conv()}, (4, 3, 3)),
    "subtracted": (lambda s, x: x - s.a(x) - s.b(x), {"a": conv(), "b": conv(k=1)}, (4, 3, 3)),
    "by a number": (lambda s, x: s.a(x) - 0.25 * x, {"a": conv()}, (4, 3, 3)),
    "of two groupings": (
        lambda s, x: s.a(x) + s.b(x), {"a": conv(groups=2), "b": conv(k=1, groups=4)}, (2, 3, 3)),
    "dilated": (
        lambda s, x: s.a(x) + s.b(x) + x, {"a": conv(padding=2, dilation=2), "b": conv(k=1)}, (4, 3, 3)),
    "reflected": (
        lambda s, x: s.a(x) + s.b(x), {"a": conv(padding_mode="reflect"), "b": conv(k=1)}, (4, 3, 3)),
    "off the centre": (
        lambda s, x: s.a(x) + s.b(F.pad(x, (0, 1, 0, 1))), {"a": conv(), "b": conv(k=2, padding=0)},
        (4, 3, 3)),
    "without padding": (
        lambda s, x: s.a(x) + s.b(x), {"a": conv(padding=0), "b": conv(padding=0)}, (4, 3, 3)),
    "strided": (
        lambda s, x: F.pixel_shuffle(s.c(s.a(x) + s.b(x)), 2),
        {"a": conv(stride=2), "b": conv(k=1, stride=2), "c": conv(4, 16, groups=4)}, None),
    "wide, then 1x1": (lambda s, x: s.b(s.a(x)), {"a": conv(o=16, k=5), "b": conv(16, k=1)}, (4, 5, 5)),
    "wide around an identity": (
        lambda s, x: x + s.b(s.a(x)), {"a": conv(o=16), "b": conv(16, k=1)}, (4, 3, 3)),
    "1x1 without bias, then 3x3": (
        lambda s, x: s.b(s.a(x)), {"a": conv(o=6, k=1, bias=False), "b": conv(6)}, (4, 3, 3)),
    "1x1, then 3x3 without padding": (
        lambda s, x: s.b(s.a(x)), {"a": conv(o=6, k=1), "b": conv(6, padding=0)}, (4, 3, 3)),
    "1x1, then 3x3 of replicated edges": (
        lambda s, x: s.b(s.a(x)), {"a": conv(o=6, k=1), "b": conv(6, padding_mode="replicate")}, (4, 3, 3)),
    "in groups, then 1x1 in groups": (
        lambda s, x: s.b(s.a(x)), {"a": conv(o=8, groups=4), "b": conv(8, 4, 1, groups=2)}, (2, 3, 3)),
    "three in a row beside one": (
        lambda s, x: s.c(s.b(s.a(x))) + s.d(x),
        {"a": conv(o=8, k=1, bias=False), "b": conv(8, 8), "c": conv(8, 4, 1), "d": conv(k=1)}, (4, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE)
def test_linear_blocks_are_one_convolution(case):
    """1e-6: equal in real numbers; a batch norm that stands alone has weights of float32."""
    forward, parts, kernel = ONE[case]
    torch.manual_seed(1)
    network = between(forward, **parts)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    network.double().eval()
    found = collapsed(trace(network))
    assert not found.graph.of(Add)
    assert kernels(found.graph)[:1] == ([kernel] if kernel else [(4, 3, 3)])
    assert len(found.parts) == 1
    for size in ((8, 10), (6, 12)):
        x = torch.rand(2, 3, *size, dtype=torch.float64)
        torch.testing.assert_close(output_of(found.graph, x), network(x), rtol=0, atol=1e-6)


KEPT = {
    "1x3 beside 3x1": (lambda s, x: s.a(x) + s.b(x), {"a": conv(k=(1, 3)), "b": conv(k=(3, 1))}),
    "depthwise, then 1x1": (lambda s, x: s.b(s.a(x)), {"a": conv(groups=4), "b": conv(k=1)}),
    "depthwise beside 1x1": (lambda s, x: s.a(x) + s.b(x), {"a": conv(groups=4), "b": conv(k=1)}),
    "1x1 with a bias, then 3x3": (lambda s, x: s.b(s.a(x)), {"a": conv(k=1), "b": conv()}),
    "a ReLU between": (lambda s, x: s.b(F.relu(s.a(x))), {"a": conv(o=16), "b": conv(16, k=1)}),
    "read by others": (
        lambda s, x: (lambda y: s.b(y) * y[:, :4])(s.a(x)), {"a": conv(o=16), "b": conv(16, k=1)}),
    "of two tensors": (lambda s, x: s.a(x) + s.b(F.relu(x - 0.3)), {"a": conv(), "b": conv()}),
    "edges of two kinds": (
        lambda s, x: s.a(x) + s.b(x), {"a": conv(padding_mode="reflect"), "b": conv()}),
    "dilations of two": (
        lambda s, x: s.a(x) + s.b(x), {"a": conv(padding=2, dilation=2), "b": conv()}),
    "one channel for all": (lambda s, x: s.a(x) + s.b(x), {"a": conv(), "b": conv(o=1)}),
    "a ReLU on one": (lambda s, x: s.a(x) + F.relu(s.b(x)), {"a": conv(), "b": conv(k=1)}),
    "two 3x3": (lambda s, x: s.b(s.a(x)), {"a": conv(), "b": conv()}),
    "a 1x1 that takes every second pixel": (
        lambda s, x: F.pixel_shuffle(s.b(s.a(x)), 2), {"a": conv(), "b": conv(o=16, k=1, stride=2)}),
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_others_come_back_as_they_are(case):
    """Not the same in real numbers, or of more multiplications."""
    forward, parts = KEPT[case]
    graph = trace(between(forward, **parts).eval())
    found = collapsed(graph)
    assert found.graph is graph
    assert not found.parts


def test_by_hand():
    """3x3 taps 1..9 and bias 1, beside 0.5 * x + 3, beside 2 * x: 5 becomes 7.5 in the middle."""
    one, point = conv(1, 1), conv(1, 1, 1)
    with torch.no_grad():
        one.weight.copy_(torch.arange(1.0, 10).reshape(1, 1, 3, 3))
        one.bias.fill_(1)
        point.weight.fill_(0.5)
        point.bias.fill_(3)
    made = module(
        lambda s, x: (lambda y: s.a(y) + s.b(y) + 2 * y)(F.relu(s.head(x))), a=one, b=point, head=conv(1, 1)
    )
    (_, folded) = collapsed(trace(made.eval())).graph.of(Conv)
    assert folded.weight.flatten().tolist() == [1, 2, 3, 4, 7.5, 6, 7, 8, 9]
    assert folded.bias.tolist() == [4]


def test_a_picture_is_added_as_it_is():
    """Its 8 bits would pass weights of 8 bits; and what other terms there are stays in the sum."""
    alone = trace(module(lambda s, x: x + s.a(x), a=conv(3, 3)).eval())
    assert collapsed(alone).graph is alone
    made = module(
        lambda s, x: x - s.a(x) + s.c(F.relu(s.d(x))) - s.b(x),
        a=conv(3, 3), b=conv(3, 3, 1), c=conv(4, 3), d=conv(3, 4),
    ).eval()  # fmt: skip
    found = collapsed(trace(made))
    assert sorted(node.weight.shape[0] for node in found.graph.of(Conv)) == [3, 3, 4]
    assert len(found.graph.of(Add)) == 2
    x = torch.rand(1, 3, 9, 8)
    torch.testing.assert_close(run_graph(found.graph, x)[found.graph.output], made(x), rtol=0, atol=1e-5)


def test_an_output_that_is_such_a_sum():
    made = module(lambda s, x: (s.a(x) + s.b(x), s.a(x)), a=conv(3, 3), b=conv(3, 3, 1)).eval()
    found = collapsed(trace(made)).graph
    assert len(found.of(Conv)) == 2
    assert found.outputs == ("a", "a_1")


def test_identities_alone_have_the_name_of_their_sum():
    """It was the empty name, which integers cannot have: the module was refused for it."""
    for trained, block, names in (
        (False, lambda s, x: 2 * (y := s.a(x)) + y, ["add"]),
        (False, lambda s, x: 2 * (y := s.a(x)) + y - F.relu(x), ["add", "sub"]),
        (True, lambda s, x: (y := s.a(x)) + F.relu(y) + y, ["add", "add_1"]),
    ):
        tried = between(block, a=conv().requires_grad_(trained))
        graph = collapsed(trace(tried)).graph
        assert [node.name for node in graph.of(Conv) if "a" in node.sources] == names[:1]
        assert [node.name for node in graph.of(Add)] == names[1:]
        check_own_module(tried.eval())


def test_a_module_says_what_was_folded():
    torch.manual_seed(0)
    parts = {"a": normed(), "b": normed(k=1), "n": trained_norm(4)}
    checked = check_own_module(between(repvgg, **parts))
    assert list(checked.layers.values()) == ["head", "a.0", "tail"]
    assert checked.notes == (
        "folded exactly, branches and rows of linear operators into one convolution each: 'a.0' of 3",
    )


def test_no_sum_of_results_of_two_sizes():
    """One 3x3 beside one of stride 2, beside one without padding."""
    strided, valid = {"stride": 2}, {"padding": 0}
    one, *others = (trace(nn.Sequential(conv(**each)).eval()).of(Conv)[0] for each in ({}, strided, valid))
    assert summed(one, one) is not None
    assert [summed(one, other) for other in others] == [None, None]


@pytest.mark.parametrize("name", NetworkConfig.model_fields["name"].annotation.__args__)
def test_networks_of_ours_stay_as_they_are(name):
    """One of them has such rows, at the end of its attention; they are trained and shipped so."""
    network = build_network(parse_config({"network": {"name": name}}, "test").network).eval()
    graph = trace(network)
    assert (collapsed(graph).graph is graph) == (name != "rlfn")
