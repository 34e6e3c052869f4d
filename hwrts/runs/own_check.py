"""Before a user's module is quantised: what was traced of it must be what it computes.

Tracing sees neither hooks nor what depends on values, so the graph is compared with the module itself on
pictures that make such things show.
"""

import copy
import math
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.cost.extremes import extreme_layers, untrained_formats
from hwrts.data.tiles import Sizes
from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import multiple_of, scales_of
from hwrts.fixed_point.steps import lacks_of, smallest_of
from hwrts.graph import GlobalAverage, Graph, Lookup, Maximum, Scale, graph_steps, run_graph
from hwrts.graph.collapse import collapsed
from hwrts.graph.deploy import deploy_form
from hwrts.graph.example import SIZES
from hwrts.graph.trace import Traced, trace_with_clip
from hwrts.graph.weight_bits import conv_names
from hwrts.graph.widths import Widths
from hwrts.runs.own_ends import Given, Own
from hwrts.runs.own_feed import Feeder
from hwrts.runs.own_pictures import (
    FAR_OUT,
    PACKED,
    OtherSizesError,
    called,
    compared_pictures,
    inputs_taken,
    shapes,
)
from hwrts.runs.own_states import feeder_of, with_signs
from hwrts.runs.own_weights import check_finite, check_values, check_weights_made, unchanged

FARTHEST = 1e-3
"""Most that graph and module may be apart, of the output's largest value or of 1: a quarter of a code. Sums
of float32 in another order are nearer by far."""


_ALONG = {"rows", "columns"}
_LINES = (
    "; a mean or maximum of each row or column is one pixel wide in the module and as wide as the picture "
    "here: let no kernel put zeros beside it, (K, 1) and (1, K) read it along itself, and return what it is "
    "part of"
)
"""What is said of a difference where there are such."""

_STEPS = 1, 2, 4, 8, 16, 32, 64
"""What sides of the compared pictures are multiples of: the first of these with which the module runs
and is its graph, since some pad what is no multiple, and some fail on it."""


@dataclass(frozen=True)
class Checked:
    """A module that can be quantised.

    Attributes:
        graph: As traced.
        scale: By how much its first output is larger than its first input, below 1 if it is smaller.
        sizes: Of the pictures that it takes and makes.
        layers: The path of each convolution in the module, by the name of its tensor in the graph.
        feeder: How it is fed.
        pictures: Inputs that are pictures; the others have a range of their own.
        clipped: Places of the outputs that it clips to the range of pictures.
        door: How it was followed.
        notes: What a user should know of it.
    """

    graph: Graph
    scale: int | Fraction
    sizes: Sizes
    layers: dict[str, str]
    feeder: Feeder
    pictures: frozenset[str]
    clipped: frozenset[int]
    door: str = ""
    notes: tuple[str, ...] = ()


@torch.no_grad()
def check_own_module(given: nn.Module | Own, device: str = "cpu") -> Checked:
    """Trace a module and compare the form that will be quantised with the module itself.

    Args:
        given: A module, or one with what its file says of it; on the device. It is put into evaluation mode
            and not changed otherwise.
        device: Where the pictures go.

    Raises:
        UnsupportedOperatorError: An operator outside the closed list, values that are not finite, a forward
            that fails, is none for pictures, changes the module, or computes something else than its graph.
    """
    own = given if isinstance(given, Own) else Own(given)
    module = own.module
    check_weights_made(module)
    check_finite(module)
    module.eval()
    other: UnsupportedOperatorError | None = None
    with unchanged(module):
        for step in _STEPS:
            try:
                return _checked(own, step, device)
            except OtherSizesError as error:
                other = other or error
    assert other is not None  # nothing else leaves the loop
    if own.inputs is None and _takes_clips(module, device):
        raise UnsupportedOperatorError(
            f"{type(module).__name__}: takes clips, tensors of five dimensions; give the frames as channels, "
            "(N, T*C, H, W), of which x.chunk(T, 1) makes frames again, or each as an input of its own, by "
            "inputs()"
        ) from other
    raise other


def _takes_clips(module: nn.Module, device: str) -> bool:
    """Whether a module of convolutions takes (N, T, C, H, W), or (N, C, T, H, W)."""
    if not any(isinstance(each, nn.Conv2d | nn.Conv3d) for each in module.modules()):
        return False
    for frames, channels in ((3, 3), (5, 3), (2, 3), (7, 3), (4, 3), (3, 1), (5, 1), (2, 1), (1, 3)):
        try:
            module(torch.rand(1, frames, channels, *SIZES[1], device=device))
        except Exception:  # whatever a forward raises when it is given too many frames or too few
            continue
        return True
    return False


def _checked(own: Own, step: int, device: str, least: int = 1) -> Checked:
    """What becomes of a module, on pictures whose sides are multiples of ``step``, of ``least`` or more."""
    module, kind = own.module, type(own.module).__name__
    taken = None if own.inputs is not None else inputs_taken(own, step, device)
    step = math.lcm(step, *(size.denominator for _, size in taken or ()))
    pictures = compared_pictures(own, taken, step, device, least)
    example = pictures.pop("example")
    called(kind, module, pictures["in range"])  # hooks that compute a weight have done so from here on
    traced = _traced(own, example)
    blocks = collapsed(traced.graph)
    traced = replace(traced, graph=blocks.graph)
    shrinks = multiple_of(graph_steps(traced.graph))
    if step % shrinks:
        return _checked(own, math.lcm(step, shrinks), device, least)
    smallest = max(smallest_of(graph_steps(traced.graph)))
    if smallest > least and least == 1 and min(example.tensors[0].shape[2:]) >= smallest:
        return _checked(own, step, device, smallest)  # what is smaller is padded first, in every engine
    feeder = feeder_of(
        own, traced, pictures["in range"], step if own.inputs is None else math.lcm(step, PACKED)
    )
    traced, seen = with_signs(traced, feeder, pictures)
    graph = traced.graph
    check_values(traced)
    deployed = deploy_form(graph)
    _check_as_integers(deployed, traced.places)
    scale, sizes = sizes_of(graph)
    for name, x in pictures.items():
        try:
            _check_picture(kind, name, module, x, traced, deployed, feeder)
        except UnsupportedOperatorError:
            if not _normed(deployed):
                raise
            # a norm of a flat picture magnifies what float32 rounds, in the module as in the graph
            wide = Given(tuple(each.double() for each in x.tensors))
            doubled = copy.deepcopy(module).double()
            _check_picture(kind, name, doubled, wide, traced, _doubled(deployed), feeder)
    paths = {name: traced.places[name].strip("'") for name in conv_names(graph)}
    notes = blocks.said(traced.places)
    if step > shrinks:
        notes += (
            f"compared with the module on pictures whose sides are multiples of {step}: it takes others "
            "in another way, or not at all",
        )
    return Checked(graph, scale, sizes, paths, feeder, seen, traced.clipped, traced.door, notes)


def _check_picture(
    kind: str, name: str, module: nn.Module, x: Given, traced: Traced, deployed: Graph, feeder: Feeder
) -> None:
    """Refuse a graph that makes something else of a picture than the module does."""
    expected = called(kind, module, x)
    found = traced.returned(run_graph(deployed, feeder.by_name(x)), deployed)
    extents = {node.along for node in deployed.of(GlobalAverage)} | {x.over for x in deployed.of(Maximum)}
    lines = _LINES if extents & _ALONG else ""
    for one, other in zip(expected, found, strict=True):
        if one.shape != other.shape:
            why = f"makes {list(one.shape)} of {shapes(x)}, and its traced graph {list(other.shape)}{lines}"
            raise _differs(kind, why, traced.by_size and not lines)
        _compare(kind, name, one, other, traced.by_size, lines)


def _normed(graph: Graph) -> bool:
    """Whether it divides by what it finds in a picture."""
    return bool(graph.of(Lookup)) and bool(graph.of(GlobalAverage))


def _doubled(graph: Graph) -> Graph:
    """The same in float64."""
    nodes = []
    for node in graph.nodes:
        tensors = {each.name: getattr(node, each.name) for each in fields(node)}
        wide: dict[str, Any] = {
            name: each.double() for name, each in tensors.items() if isinstance(each, Tensor)
        }
        nodes.append(replace(node, **wide))
    return graph.rewritten(nodes)


def sizes_of(graph: Graph) -> tuple[int | Fraction, Sizes]:
    """By how much a graph enlarges, and of which pictures."""
    steps = graph_steps(graph)
    scale = scales_of(steps)[graph.output]
    sizes = Sizes(multiple_of(steps), smallest_of(steps), lacks_of(steps)[graph.output])
    return (scale.numerator if scale.denominator == 1 else scale), sizes


def _differs(kind: str, why: str, by_size: bool) -> UnsupportedOperatorError:
    if by_size:
        return OtherSizesError(
            f"{kind}: {why}; it depends on the size of its picture in a way that is not supported"
        )
    return UnsupportedOperatorError(f"{kind}: {why}")


def _traced(own: Own, x: Given) -> Traced:
    """The graph, of inputs like what it was called with."""
    return trace_with_clip(own.module, x.tensors, (own.pixels.low, own.pixels.high))


def _compare(
    kind: str, picture: str, expected: Tensor, found: Tensor, by_size: bool, lines: str = ""
) -> None:
    if not bool(torch.isfinite(expected).all()):
        if picture == FAR_OUT:  # a polynomial of the picture may overflow where no picture is
            return
        raise UnsupportedOperatorError(
            f"{kind}: its own output is NaN or infinite on a picture that is {picture}; no codes stand for "
            "that: give weights and layers whose values stay finite"
        )
    apart, largest = float((found - expected).abs().max()), float(expected.abs().max())
    if not apart <= FARTHEST * max(1.0, largest):
        why = (
            f"computes something else than its traced graph on a picture that is {picture}, by {apart:.3g}"
            f"{lines or '; leave out hooks and value-dependent code'}"
        )
        raise _differs(kind, why, by_size and not lines)


def _check_as_integers(graph: Graph, places: dict[str, str]) -> None:
    """Refuse now what no formats could make a legal integer network of: channels, sizes, blocks.

    Weights are -1, 0 and 1 here and factors 1, so that no shift or accumulator is at its limit.
    """
    factors = {node.name: replace(node, factor=1.0) for node in graph.of(Scale)}
    drawn = graph.rewritten(factors.get(node.name, node) for node in graph.nodes)
    formats = untrained_formats(drawn)
    try:
        layers = extreme_layers(drawn, formats, dict.fromkeys(conv_names(drawn), Widths(2)))
        inputs = tuple(x.lower(formats[x.name]) for x in drawn.inputs)
        fixed_point.Network(inputs, tuple(high for high, _ in layers), outputs=drawn.outputs)
    except HwrtsError as error:
        text = str(error)
        for name, place in places.items():
            text = text.replace(f"layer {name!r}:", f"{place}:")
        raise UnsupportedOperatorError(text) from error
