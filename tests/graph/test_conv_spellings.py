"""Convolutions of every shape, as modules and as functions: what is read of them, and what they compute."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Conv, graph_channels, run_graph
from hwrts.graph.note import QatNote, note_graph, noted_graph
from hwrts.graph.trace import trace

from .test_trace import conv, module


def conv_of(network: nn.Module) -> Conv:
    (node,) = trace(network.eval()).of(Conv)
    return node


def same_everywhere(network: nn.Module, channels: int = 4, size: tuple[int, int] = (12, 16)) -> None:
    """The graph, and the graph that comes back from its note with the weights put in, are the module."""
    network.eval()
    graph, x = trace(network), torch.rand(2, channels, *size)
    expected = network(x)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], expected, rtol=0, atol=0)
    assert graph_channels(graph)[graph.output] == expected.shape[1]
    again = noted_graph(note_graph(graph))
    assert note_graph(again) == note_graph(graph)


SHAPES: dict[str, tuple[nn.Conv2d, dict[str, Any]]] = {
    "grouped": (conv(4, 6, groups=2), {"groups": 2}),
    "depthwise": (conv(4, 4, groups=4), {"groups": 4}),
    "depthwise of more": (conv(4, 8, groups=4), {"groups": 4}),
    "stride 2": (conv(4, 6, stride=2), {"stride": 2}),
    "stride 4, kernel 8": (conv(4, 6, 8, stride=4, padding=2), {"stride": 4, "pads": (2, 2, 2, 2)}),
    "dilation": (conv(4, 6, dilation=3, padding=3), {"dilation": 3}),
    "dilation that shrinks": (conv(4, 6, dilation=2), {"dilation": 2, "pads": (1, 1, 1, 1)}),
    "1x3": (conv(4, 6, (1, 3), padding=(0, 1)), {}),
    "3x1": (conv(4, 6, (3, 1), padding=(1, 0)), {}),
    "5x1 same": (conv(4, 6, (5, 1), padding="same"), {}),
    "even": (conv(4, 6, 4, padding=1), {"pads": (1, 1, 1, 1)}),
    "even same": (conv(4, 6, 4, padding="same"), {"pads": (1, 1, 2, 2)}),
    "2x2 of stride 2": (conv(4, 6, 2, stride=2, padding=0), {"pads": (0, 0, 0, 0), "stride": 2}),
    "even of an even dilation": (conv(4, 6, 2, dilation=2, padding="same"), {"dilation": 2}),
    "valid": (conv(4, 6, padding="valid"), {"pads": (0, 0, 0, 0)}),
    "valid in numbers": (conv(4, 6, 5, padding=1), {"pads": (1, 1, 1, 1)}),
    "1x1": (conv(4, 6, 1, padding="valid"), {}),
    "all at once": (
        conv(4, 8, (3, 5), stride=2, padding=(2, 1), dilation=2, groups=2, padding_mode="replicate"),
        {"stride": 2, "dilation": 2, "groups": 2, "replicate": True, "pads": (2, 1, 2, 1)},
    ),
}
PLAIN: dict[str, Any] = {
    "groups": 1,
    "stride": 1,
    "dilation": 1,
    "pads": None,
    "replicate": False,
    "reflect": False,
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch pads a copy
@pytest.mark.parametrize("case", SHAPES)
def test_every_shape_is_the_module(case):
    layer, facts = SHAPES[case]
    network = module(lambda s, x: s.c(x), c=layer)
    same_everywhere(network)
    node = conv_of(network)
    assert {name: getattr(node, name) for name in PLAIN} == {**PLAIN, **facts}
    assert node.reads == 4
    assert not node.frozen


def functional(call, **numbers) -> nn.Module:
    """A module that holds numbers, parameters unless they say otherwise, and calls a function with them."""
    network = module(lambda s, x: call(s, x))
    for name, value in numbers.items():
        if isinstance(value, nn.Parameter):
            network.register_parameter(name, value)
        else:
            network.register_buffer(name, value)
    return network


def numbers(*shape: int, trained: bool = True) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape), requires_grad=trained)


FUNCTIONAL: dict[str, tuple[Callable[..., torch.Tensor], dict[str, Any]]] = {
    "F.conv2d": (lambda s, x: F.conv2d(x, s.w, s.b, padding=1), {}),
    "torch.conv2d": (lambda s, x: torch.conv2d(x, s.w, s.b, 2, 1), {"stride": 2}),
    "no bias": (lambda s, x: F.conv2d(x, s.w, padding="same"), {}),
    "a bias that is None": (lambda s, x: F.conv2d(x, s.w, None, 1, 2, 2), {"dilation": 2}),
    "by name": (
        lambda s, x: F.conv2d(x, weight=s.w, bias=s.b, stride=(2, 2), padding=(1, 1), dilation=1),
        {"stride": 2},
    ),
    "all by name": (lambda s, x: F.conv2d(input=x, weight=s.w, padding=1), {}),
    "behind a padding": (
        lambda s, x: F.conv2d(F.pad(x, (1, 2, 0, 3), "reflect"), s.w),
        {"reflect": True, "pads": (0, 1, 3, 2)},
    ),
}


@pytest.mark.parametrize("case", FUNCTIONAL)
def test_functions_with_weights_are_read(case):
    call, facts = FUNCTIONAL[case]
    network = functional(call, w=numbers(6, 4, 3, 3), b=numbers(6))
    same_everywhere(network)
    assert {name: getattr(conv_of(network), name) for name in PLAIN} == {**PLAIN, **facts}


def test_groups_of_a_function():
    network = functional(lambda s, x: F.conv2d(x, s.w, s.b, 1, 1, 1, 4), w=numbers(8, 1, 3, 3), b=numbers(8))
    same_everywhere(network)
    assert (conv_of(network).groups, conv_of(network).reads) == (4, 4)


def test_what_is_not_trained_is_frozen():
    """A buffer, or a parameter that is exempt; if all are, that says nothing: such networks are only used."""

    def blurred(w, other: bool) -> bool:
        b = numbers(4, trained=other)
        return conv_of(functional(lambda s, x: F.conv2d(x, s.w, s.b, 1, 1, 1, 4), w=w, b=b)).frozen

    trained, fixed = numbers(4, 1, 3, 3), numbers(4, 1, 3, 3, trained=False)
    assert not blurred(trained, True)
    assert blurred(fixed, True)
    assert not blurred(fixed, False)
    assert blurred(fixed.detach().clone(), True)
    network = module(lambda s, x: s.b(s.a(x)), a=conv(4, 4), b=conv(4, 4))
    network.a.weight.requires_grad_(False)
    assert [node.frozen for node in trace(network.eval()).of(Conv)] == [True, False]
    with torch.no_grad():  # what is computed there knows no gradient
        normed = module(lambda s, x: s.a(x), a=nn.utils.parametrizations.weight_norm(conv(4, 4)))
        assert not conv_of(normed).frozen


REFUSED = {
    "a computed weight": (
        functional(lambda s, x: F.conv2d(x, x, padding=1), w=numbers(3, 3, 3, 3)),
        ["'conv2d'", "its weight is computed"],
    ),
    "stride of a function": (
        functional(lambda s, x: F.conv2d(x, s.w, None, (1, 2)), w=numbers(3, 3, 3, 3)),
        ["stride (1, 2)", "rows and columns"],
    ),
    "negative padding": (
        functional(lambda s, x: F.conv2d(x, s.w, None, 1, -1), w=numbers(3, 3, 3, 3)),
        ["padding -1", "'same'"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_is_not(case):
    network, words = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_rewrites_ask_for_what_they_know():
    known = conv_of(module(lambda s, x: s.c(x), c=conv(4, 4)))
    assert known.plain
    for case, (layer, facts) in SHAPES.items():
        node = conv_of(module(lambda s, x: s.c(x), c=layer))
        square = node.weight.shape[2] == node.weight.shape[3]
        assert node.plain == (not facts and square), case


def test_a_note_of_numbers_that_no_convolution_has_is_refused():
    """As JSON: tuples are lists there, and types are exact."""
    network = module(lambda s, x: s.c(x), c=conv(4, 6, 4, stride=2, padding=1)).eval()
    graph = trace(network)

    def document(**changes: Any) -> dict[str, Any]:
        notes = json.loads(json.dumps(note_graph(graph)))
        notes[1] |= changes
        form = {"signed": True, "bits": 8, "frac": 8}
        formats = {node.name: form for node in graph.nodes}
        return {"graph": notes, "formats": formats, "weight_bits": 8, "rounding": "half_even"}

    QatNote.model_validate(document())
    QatNote.model_validate(document(transposed=[2, 4, 4, 1, 1]))
    for changes in (
        {"pads": [1, 1, 1]},
        {"pads": [1, 1, 1, -1]},
        {"pads": [1, 1, 1, 1.0]},
        {"stride": 0},
        {"groups": "2"},
        {"transposed": [0, 4, 4, 1, 1]},
        {"transposed": [2, 4, 4, 1]},
    ):
        with pytest.raises(ValidationError):
            QatNote.model_validate(document(**changes))
