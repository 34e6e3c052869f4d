"""Before a user's module is quantised: what was traced of it must be what it computes.

Tracing sees neither hooks nor what depends on values, so the graph is compared with the module itself on
pictures that make such things show.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hwrts import fixed_point
from hwrts.cost.extremes import extreme_layers, untrained_formats
from hwrts.data.tiles import Sizes
from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import multiple_of, scales_of
from hwrts.fixed_point.steps import lacks_of, smallest_of
from hwrts.graph import Graph, Input, Scale, graph_channels, graph_steps, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.example import SIZES, example_of
from hwrts.graph.trace import Traced, trace_with_clip
from hwrts.graph.user_code import described
from hwrts.graph.weight_bits import conv_names
from hwrts.runs.own_ends import HOW, Given, Own, asked
from hwrts.runs.own_feed import Feeder, returned

FARTHEST = 1e-3
"""Most that graph and module may be apart, of the output's largest value or of 1: a quarter of a code. Sums
of float32 in another order are nearer by far."""

SEED = 0
"""Of the pictures that are compared: equal modules get equal verdicts."""


_STEPS = 1, 2, 4, 8, 16, 32, 64
"""What sides of the compared pictures are multiples of: the first of these with which the module runs
and is its graph, since some pad what is no multiple, and some fail on it."""

PACKED = 16
"""Sides are multiples of this where the file says what is made of a picture: what packs needs squares."""

_PICTURES = (1, 3, 6, 9)
"""Channels of inputs that are pictures, frames before among them: no states, unless a name says so."""


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
    with _unchanged(module):
        for step in _STEPS:
            try:
                return _checked(own, step, device)
            except _OtherSizesError as error:
                other = other or error
    assert other is not None  # nothing else leaves the loop
    raise other


class _OtherSizesError(UnsupportedOperatorError):
    """A picture that the module fails on, or for which it is not what was traced of it on another size."""


def _checked(own: Own, step: int, device: str) -> Checked:
    """What becomes of a module, on pictures whose sides are multiples of ``step``."""
    module, kind = own.module, type(own.module).__name__
    taken = None if own.inputs is not None else _taken(own, step, device)
    step = math.lcm(step, *(size.denominator for _, size in taken or ()))
    pictures = _pictures(own, taken, step, device)
    example = pictures.pop("example")
    _called(kind, module, pictures["in range"])  # hooks that compute a weight have done so from here on
    traced = _traced(own, example)
    shrinks = multiple_of(graph_steps(traced.graph))
    if step % shrinks:
        return _checked(own, math.lcm(step, shrinks), device)
    feeder = _feeder(
        own, traced, pictures["in range"], step if own.inputs is None else math.lcm(step, PACKED)
    )
    traced, seen = _with_signs(traced, feeder, pictures)
    graph = traced.graph
    _check_values(traced)
    deployed = deploy_form(graph)
    _check_as_integers(deployed, traced.places)
    scale, sizes = sizes_of(graph)
    for name, x in pictures.items():
        expected = _called(kind, module, x)
        found = traced.returned(run_graph(deployed, feeder.by_name(x)), deployed)
        for one, other in zip(expected, found, strict=True):
            if one.shape != other.shape:
                why = f"makes {list(one.shape)} of {_shapes(x)}, and its traced graph {list(other.shape)}"
                raise _differs(kind, why, traced.by_size)
            _compare(kind, name, one, other, traced.by_size)
    paths = {name: traced.places[name].strip("'") for name in conv_names(graph)}
    notes: tuple[str, ...] = ()
    if step > shrinks:
        notes = (
            f"compared with the module on pictures whose sides are multiples of {step}: it takes others "
            "in another way, or not at all",
        )
    return Checked(graph, scale, sizes, paths, feeder, seen, traced.clipped, traced.door, notes)


def sizes_of(graph: Graph) -> tuple[int | Fraction, Sizes]:
    """By how much a graph enlarges, and of which pictures."""
    steps = graph_steps(graph)
    scale = scales_of(steps)[graph.output]
    sizes = Sizes(multiple_of(steps), smallest_of(steps), lacks_of(steps)[graph.output])
    return (scale.numerator if scale.denominator == 1 else scale), sizes


def _differs(kind: str, why: str, by_size: bool) -> UnsupportedOperatorError:
    if by_size:
        return _OtherSizesError(
            f"{kind}: {why}; it depends on the size of its picture in a way that is not supported"
        )
    return UnsupportedOperatorError(f"{kind}: {why}")


def _taken(own: Own, step: int, device: str) -> tuple[tuple[int, Fraction], ...]:
    """Channels and size of each input: a picture of three if the module takes that, else what it takes."""
    module = own.module
    usual = Given((torch.rand(1, 3, *_sides(16, 18, step), device=device),))
    try:
        usual.call(module)
    except Exception as error:
        example = example_of(module, *SIZES[0]) or example_of(module, *SIZES[1])
        if not example or (len(example) == 1 and example[0].shape[1] == 3):
            raise _fails(type(module).__name__, usual, error) from error
        return tuple((x.shape[1], Fraction(x.shape[2], example[0].shape[2])) for x in example)
    return ((3, Fraction(1)),)


def _sides(height: int, width: int, step: int) -> tuple[int, int]:
    """The sides of a picture, or where a module shrinks it, of one that has some pixels left then."""
    if step == 1:
        return height, width
    rows, columns = (-(-max(side, 2 * step) // step) * step for side in (height, width))
    return rows, columns


def _pictures(
    own: Own, taken: Sequence[tuple[int, Fraction]] | None, step: int, device: str
) -> dict[str, Given]:
    """By what they are: values of pictures and such that clips and conditions act on, in several sizes.

    Args:
        own: The module.
        taken: Channels and size of each input; None if the file says what is made of a picture.
        step: What their sides are multiples of.
        device: Where they go.
    """
    generator = torch.Generator(device).manual_seed(SEED)
    odd = [int(side) for side in 2 * torch.randint(2, 16, (4,), generator=generator, device=device) + 1]
    if taken is None:
        step = math.lcm(step, PACKED)
    low, span = own.pixels.low, own.pixels.high - own.pixels.low

    def fed(make: Callable[[int, Fraction], Tensor]) -> Given:
        if taken is None:
            return asked(own, make(3, Fraction(1)))
        return Given(tuple(make(*each) * span + low for each in taken))

    def noise(count: int, sides: tuple[int, int], reach: float = 1, start: float = 0) -> Given:
        def make(channels: int, size: Fraction) -> Tensor:
            shape = (count, channels, *(int(side * size) for side in sides))
            return reach * torch.rand(*shape, generator=generator, device=device) + start

        return fed(make)

    def flat(level: float) -> Given:
        return fed(
            lambda channels, size: torch.full(
                (1, channels, *(int(side * size) for side in _sides(16, 18, step))), level, device=device
            )
        )

    few, two, large = _sides(odd[0], odd[1], step), _sides(odd[2], odd[3], step), _sides(98, 163, step)
    return {
        "in range": noise(1, _sides(16, 18, step)),
        "far out of range, -2 to 3": noise(1, _sides(16, 18, step), 5, -2),
        "black": flat(0.0),
        "flat grey": flat(0.5),
        "white": flat(1.0),
        f"of {few[1]}x{few[0]} pixels": noise(1, few),
        f"of {two[1]}x{two[0]} pixels, two at once": noise(2, two),
        f"of {large[1]}x{large[0]} pixels": noise(1, large),
        "example": noise(1, next((size for size in SIZES if size[0] % step == 0), SIZES[-1])),
    }


def _called(kind: str, module: nn.Module, x: Given) -> list[Tensor]:
    """What the module makes of a picture."""
    try:
        made = x.call(module)
    except Exception as error:
        raise _fails(kind, x, error) from error
    try:
        return returned(made)
    except UnsupportedOperatorError as error:
        raise UnsupportedOperatorError(f"{kind}: {error}") from error


def _fails(kind: str, x: Given, error: Exception) -> UnsupportedOperatorError:
    if len(x.tensors) > 1:
        return _OtherSizesError(f"{kind}: fails on inputs of {_shapes(x)} ({described(error)}); {HOW}")
    _, channels, height, width = x.tensors[0].shape
    return _OtherSizesError(
        f"{kind}: fails on a picture of {channels} channels and {width}x{height} pixels ({described(error)})"
    )


def _shapes(x: Given) -> str:
    return " and ".join(str(list(tensor.shape)) for tensor in x.tensors)


def _traced(own: Own, x: Given) -> Traced:
    """The graph, of inputs like what it was called with."""
    return trace_with_clip(own.module, x.tensors, (own.pixels.low, own.pixels.high))


def _feeder(own: Own, traced: Traced, x: Given, step: int) -> Feeder:
    graph = traced.graph
    if len(graph.inputs) != len(x.tensors):
        raise UnsupportedOperatorError(
            f"{type(own.module).__name__}: is called with {len(x.tensors)} tensors and reads "
            f"{len(graph.inputs)}"
        )
    channels, sizes = graph_channels(graph), scales_of(graph_steps(graph))
    free = [i for i, name in enumerate(graph.outputs) if i]
    states: dict[str, int] = {}
    for each in graph.inputs[1:]:
        parameter = traced.arguments[each.name]
        like = each.channels, sizes[each.name]
        fitting = [i for i in free if (channels[graph.outputs[i]], sizes[graph.outputs[i]]) == like]
        named = [i for i in fitting if traced.keys is not None and traced.keys[i] == parameter]
        if each.channels not in _PICTURES or named:
            for place in (named or fitting)[:1]:
                states[each.name] = place
                free.remove(place)
    return Feeder(
        own,
        tuple(each.name for each in graph.inputs),
        tuple(each.channels for each in graph.inputs),
        states,
        step,
        tuple(Fraction(each.grow, each.shrink) for each in graph.inputs),
    )


def _with_signs(traced: Traced, feeder: Feeder, pictures: dict[str, Given]) -> tuple[Traced, frozenset[str]]:
    """The graph that knows which inputs have negative values, and the names of those that are pictures."""
    graph, pixels = traced.graph, feeder.own.pixels
    usual = [feeder.by_name(pictures[name]) for name in ("in range", "black", "flat grey", "white")]
    signed: dict[str, bool] = {}
    seen = set()
    for name in feeder.names:
        lowest, highest = (float(f(torch.stack([f(x[name]) for x in usual]))) for f in (torch.min, torch.max))
        if name in feeder.states:
            continue
        margin = (pixels.high - pixels.low) / 256
        if pixels.low - margin <= lowest and highest <= pixels.high + margin:
            seen.add(name)
            signed[name] = pixels.out.signed
        else:
            signed[name] = lowest < 0

    def with_signs(signs: Mapping[str, bool]) -> Graph:
        return graph.rewritten(
            replace(node, signed=signs.get(node.name, False)) if isinstance(node, Input) else node
            for node in graph.nodes
        )

    positive = with_signs(signed).non_negative()  # a state is what an output is, if it was that before
    signed |= {name: graph.outputs[place] not in positive for name, place in feeder.states.items()}
    return replace(traced, graph=with_signs(signed)), frozenset(seen)


def _compare(kind: str, picture: str, expected: Tensor, found: Tensor, by_size: bool) -> None:
    apart, largest = float((found - expected).abs().max()), float(expected.abs().max())
    if not apart <= FARTHEST * max(1.0, largest):
        why = (
            f"computes something else than its traced graph on a picture that is {picture}, by {apart:.3g}; "
            "leave out hooks and value-dependent code"
        )
        raise _differs(kind, why, by_size)


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """Refuse a module that changes its own weights or statistics when it is called; they are put back."""
    before = {name: value.clone() for name, value in _state(module).items()}
    try:
        yield
    finally:
        after = _state(module)
        changed = [name for name in before if name in after and not _equal(before[name], after[name])]
        for name in changed:
            after[name].copy_(before[name])
    if changed:
        raise UnsupportedOperatorError(
            f"{type(module).__name__}: changes its own {changed[0]!r} when it is called; "
            "a network that is quantised must stay as it is"
        )


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same values; NaN, which a buffer may begin with, is the same as NaN."""
    if torch.equal(a, b):
        return True
    return a.is_floating_point() and a.shape == b.shape and torch.allclose(a, b, 0, 0, equal_nan=True)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers, those as well that are in no file."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def check_weights_made(module: nn.Module) -> None:
    """Refuse a module whose weights have no values yet.

    Raises:
        UnsupportedOperatorError: A lazy layer, or one on the meta device, by name.
    """
    for name, value in _state(module).items():
        if is_lazy(value) or value.is_meta:
            why = "lazy, it knows its channels when it is called" if is_lazy(value) else "on the meta device"
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} is {why}; "
                "make a module whose weights are there"
            )
        if value.layout is not torch.strided or value.is_quantized or value.is_inference():
            held = f"{value.dtype}, {value.layout}" + (", of inference_mode" * value.is_inference())
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} holds {held}; dense numbers are "
                "supported, made outside of torch.inference_mode"
            )


def check_finite(module: nn.Module) -> None:
    """Refuse NaN and infinite weights.

    Raises:
        UnsupportedOperatorError: The first layer that has one, and how many.
    """
    for name, value in module.named_parameters():
        broken = int((~torch.isfinite(value)).sum())
        if broken:
            raise UnsupportedOperatorError(
                f"{_layer(name, module)}: its {name.rpartition('.')[2]} holds {broken} of {value.numel()} "
                "numbers that are NaN or infinite; give weights of a training that did not diverge"
            )


def _layer(tensor: str, module: nn.Module) -> str:
    """The layer that has a weight, by its path in the module."""
    path = tensor.rpartition(".")[0]
    return f"layer {path!r}" if path else type(module).__name__


def _check_values(traced: Traced) -> None:
    """What hooks or batch norms computed of finite weights may still not be."""
    for node in traced.graph.nodes:
        for what, value in vars(node).items():
            if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
                raise UnsupportedOperatorError(
                    f"{traced.places[node.name]}: its {what} is NaN or infinite, with the batch norm or the "
                    "hook that is part of it"
                )


def _check_as_integers(graph: Graph, places: dict[str, str]) -> None:
    """Refuse now what no formats could make a legal integer network of: channels, sizes, blocks.

    Weights are -1, 0 and 1 here and factors 1, so that no shift or accumulator is at its limit.
    """
    nodes = [replace(node, factor=1.0) if isinstance(node, Scale) else node for node in graph.nodes]
    drawn = graph.rewritten(nodes)
    formats = untrained_formats(drawn)
    try:
        layers = extreme_layers(drawn, formats, dict.fromkeys(conv_names(drawn), 2))
        inputs = tuple(x.lower(formats[x.name]) for x in drawn.inputs)
        fixed_point.Network(inputs, tuple(high for high, _ in layers), outputs=drawn.outputs)
    except HwrtsError as error:
        text = str(error)
        for name, place in places.items():
            text = text.replace(f"layer {name!r}:", f"{place}:")
        raise UnsupportedOperatorError(text) from error
