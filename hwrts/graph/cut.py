"""Channels that a module takes of a tensor, while nobody knows yet how many that has.

A module does not say how many channels its picture has; the convolutions do, when all of them are there. So
a cut is first noted as a rule from channels to a range, and becomes a Slice when the graph is complete.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch
from torch import fx

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Graph, Input, Node, Slice
from hwrts.graph.operators import Call
from hwrts.graph.operators.call import where
from hwrts.graph.operators.neighbour import Neighbour

_CHUNK: tuple[Any, ...] = (torch.chunk, "chunk")
_SPLIT: tuple[Any, ...] = (torch.split, "split")

CUTS: tuple[Any, ...] = (*_CHUNK, *_SPLIT, operator.getitem)
"""Functions, and methods by their name, that take some channels of a tensor."""

_USUAL = 3
"""Channels of a picture where several counts would do, as happens if only slices of the picture are read."""
_MOST_OF_ONE = 128
"""Most channels of each input that are tried if there are several: more inputs, more tries."""
_MOST = 4096
"""Most channels of a picture that are tried: 16 frames of 256 planes."""

_DIMENSIONS = 4
"""Of a tensor of pictures; the channels are the second."""


@dataclass(frozen=True)
class Parts:
    """What a chunk or a split returns: several tensors, of which each is read by its place.

    Attributes:
        source: Name of the tensor that is cut.
        ranges: The channels of each part, for so many channels of the source.
    """

    source: str
    ranges: Callable[[int], Sequence[range]]


@dataclass(frozen=True)
class Cut(Neighbour):
    """Some channels of a tensor.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        channels: Those that it takes, for so many channels of its source.
        parts: Name of the traced value that it is one of the parts of, and its place among them.
    """

    name: str
    sources: tuple[str]
    channels: Callable[[int], range]
    parts: tuple[str, int] | None = None


def part_count(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """How many parts a call returns, if it says so itself: a chunk, and a split into given counts."""
    if target in _CHUNK:
        count = args[1] if len(args) > 1 else kwargs.get("chunks")
        return count if isinstance(count, int) and count > 0 else None
    if target in _SPLIT:
        sizes = _given_sizes(args, kwargs)
        return len(sizes) if isinstance(sizes, list | tuple) else None
    return None


def check_walk(node: fx.Node) -> None:
    """Refuse to walk over the parts of a split whose number is not known; of other values, others speak.

    Raises:
        UnsupportedOperatorError: What to write in its place.
    """
    if node.target in _SPLIT:
        raise UnsupportedOperatorError(
            f"{where(node)}: how many parts split({_given_sizes(node.args, node.kwargs)}) makes is not known "
            "while tracing; write chunk(n, 1) or split([..], 1)"
        )


def read_cut(call: Call, parts: Mapping[str, Parts]) -> Cut | Parts:
    """A call of one of CUTS.

    Args:
        call: The call.
        parts: The traced values that are several tensors.

    Raises:
        UnsupportedOperatorError: It takes something else than whole channels, or by a step.
    """
    if call.function in _CHUNK or call.function in _SPLIT:
        return _parts(call)
    whole, index = call.node.args
    if isinstance(whole, fx.Node) and whole.name in parts:
        return _part(call, whole.name, parts[whole.name], index)
    (source,) = call.tensors((whole,))
    start, stop = _indexed(call, index)

    def taken(channels: int) -> range:
        found = range(channels)[start:stop]
        if not found:
            raise call.refused(f"takes none of {channels} channels; give a range that is within them")
        return found

    return Cut(call.name, (source,), taken)


def _given_sizes(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a split is given: one size, or one for each part."""
    names = ("split_size_or_sections", "split_size")
    return args[1] if len(args) > 1 else next((kwargs[name] for name in names if name in kwargs), None)


def _parts(call: Call) -> Parts:
    call.only("chunks", "split_size_or_sections", "split_size", "dim")
    call.along_channels(2)
    (source,) = call.sources()
    if call.function in _CHUNK:
        count = call.argument(1, "chunks")
        if not isinstance(count, int) or count < 1:
            raise call.refused(f"into {count!r} parts; a number of them is supported")
        return Parts(source, lambda channels: _equal(channels, -(-channels // count)))
    sizes = _given_sizes(call.node.args, call.node.kwargs)
    if isinstance(sizes, int) and sizes > 0:
        return Parts(source, lambda channels: _equal(channels, sizes))
    if not isinstance(sizes, list | tuple) or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise call.refused(f"by {sizes!r}; one number of channels, or a list of them, is supported")
    counts: Sequence[int] = sizes

    def taken(channels: int) -> list[range]:
        if sum(counts) != channels:
            raise call.refused(f"by {list(counts)}, of {channels} channels; they must add up to all of them")
        ends = [sum(counts[: i + 1]) for i in range(len(counts))]
        return [range(end - size, end) for end, size in zip(ends, counts, strict=True)]

    return Parts(source, taken)


def _equal(channels: int, size: int) -> list[range]:
    """Parts of one size, the last of them smaller where channels are left, as torch has them."""
    return [range(channels)[first : first + size] for first in range(0, channels, size)]


def _part(call: Call, name: str, parts: Parts, index: Any) -> Cut:
    if not isinstance(index, int):
        raise call.refused(f"takes {index} of several parts; each must be read by its own number")

    def taken(channels: int) -> range:
        ranges = parts.ranges(channels)
        if not -len(ranges) <= index < len(ranges):
            raise call.refused(
                f"takes part {index} of {channels} channels, of which torch makes {len(ranges)} parts; "
                "ask for as many parts as are read"
            )
        return ranges[index]

    return Cut(call.name, (parts.source,), taken, (name, index))


def _indexed(call: Call, index: Any) -> tuple[int | None, int | None]:
    """The limits of an index that takes some channels, and all of everything else."""
    given = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in given and given.count(Ellipsis) == 1:
        at = given.index(Ellipsis)
        given[at : at + 1] = [slice(None)] * (_DIMENSIONS + 1 - len(given))
    given += [slice(None)] * (_DIMENSIONS - len(given))
    plain = all(isinstance(each, slice) and each.step in (None, 1) for each in given)
    if not plain or len(given) != _DIMENSIONS or any(given[at] != slice(None) for at in (0, 2, 3)):
        raise call.refused(
            "takes rows, columns, pictures or single channels; x[:, a:b] is supported, and crops that count "
            "from the edges, as x[..., 2:-2, 2:-2] does"
        )
    limits = given[1].start, given[1].stop
    if not all(limit is None or isinstance(limit, int) for limit in limits):
        raise call.refused("its limits depend on values; constant ones are supported")
    return limits


def with_channels(
    nodes: Sequence[Node | Cut], outputs: Sequence[str] = (), channels: Sequence[int] | None = None
) -> Graph | None:
    """The graph of traced nodes, with the channels of its inputs and a Slice for each cut.

    Channels are found by trial: no formula can be turned around that rounds, as a chunk does.

    Args:
        nodes: In their order.
        outputs: Names of the outputs.
        channels: Of each input; None finds them.

    Returns:
        None if no convolution says how many there are.

    Raises:
        UnsupportedOperatorError: A cut that takes none of the channels that there are.
    """
    if all(isinstance(node, Cut | Input) or node.reads is None for node in nodes):
        return None
    inputs = [node.name for node in nodes if isinstance(node, Input)]
    told = channels is not None and len(channels) == len(inputs)
    best = dict(zip(inputs, channels or (), strict=True)) if told else _found(nodes, inputs)
    made: dict[str, Fraction] = {}
    resolved = []
    for node in nodes:
        if isinstance(node, Input):
            node = replace(node, channels=best[node.name])
            made[node.name] = Fraction(best[node.name])
        elif isinstance(node, Cut):
            taken = node.channels(int(made[node.sources[0]]))
            node = Slice(node.name, node.sources, taken.start, taken.stop)
        if not isinstance(node, Input):
            made[node.name] = node.channels(*(made[source] for source in node.sources))
        resolved.append(node)
    return Graph(tuple(resolved), tuple(outputs))


def _found(nodes: Sequence[Node | Cut], inputs: Sequence[str]) -> dict[str, int]:
    """Channels of every input with which most nodes can be made: of several, the last gives way first."""
    best = dict.fromkeys(inputs, _USUAL)
    farthest = _reached(nodes, best)
    most = _MOST if len(inputs) == 1 else _MOST_OF_ONE
    firsts = (_USUAL,) if len(inputs) == 1 else (_USUAL, *range(1, most + 1))
    for first in firsts:
        found = {**best, inputs[0]: first}
        for name in reversed(inputs if len(inputs) == 1 else inputs[1:]):
            for channels in range(1, most + 1):
                if farthest == len(nodes):
                    return best
                tried = {**found, name: channels}
                reached = _reached(nodes, tried)
                if reached > farthest:
                    farthest, best, found = reached, tried, tried
    return best


def _reached(nodes: Sequence[Node | Cut], channels: Mapping[str, int]) -> int:
    """How many nodes, in their order, can be made of inputs of so many channels."""
    made: dict[str, Fraction] = {}
    for done, node in enumerate(nodes):
        xs = [made[source] for source in node.sources]
        if isinstance(node, Input):
            found = Fraction(channels[node.name])
        elif isinstance(node, Cut):
            try:
                found = Fraction(len(node.channels(int(xs[0]))))
            except UnsupportedOperatorError:
                return done
        elif node.reads not in (None, xs[0]) or (len(channels) > 1 and not node.meets(*xs)):
            return done
        else:
            found = node.channels(*xs)
        if found.denominator != 1:
            return done
        made[node.name] = found
    return len(nodes)
