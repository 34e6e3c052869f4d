"""Which queues stand between the layers: the planned line memory, and what pipelines need beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwrts.export.rtl.folding import Folding, clocks_between
from hwrts.export.rtl.stream import Streams, resizes
from hwrts.export.rtl.times import Times, times_of
from hwrts.fixed_point import Conv, Layer, Network

_SHORT = 2
"""Words of a queue that only parts two pipelines."""


_LONG = 16
"""From so many words on a queue has its first one in a register behind its memory (hwrts_fifo.v)."""


def words_of(depth: int) -> int:
    """Words of the memory of a queue of that depth.

    >>> words_of(2), words_of(16)
    (3, 16)
    """
    return depth + (depth < _LONG)


@dataclass(frozen=True)
class Route:
    """A tensor on its way to one of the places that read it.

    Attributes:
        reader: Name of the layer; None is the way out.
        operand: Which of its sources.
        source: Name of the tensor.
        tap: The convolution from the middle of whose window it is taken; None from the tensor itself.
        rows: Rows that wait on the way.
        words: Depth of its queue beside those; None where it needs no queue.
    """

    reader: str | None
    operand: int
    source: str
    tap: str | None = None
    rows: int = 0
    words: int | None = _SHORT


def routes_of(
    network: Network,
    streams: Streams,
    foldings: Mapping[str, Folding],
    cycles: int | None,
    largest: tuple[int, int],
) -> tuple[Route, ...]:
    """Every way in the circuit, in the order of its readers.

    Args:
        network: The network.
        streams: Its tensors.
        foldings: Its convolutions.
        cycles: Clocks for a pixel of the input; None without convolutions.
        largest: Rows and columns of the largest frame.
    """
    tallest, widest = largest
    times = times_of(network, streams, foldings, tallest)
    longest = max(times.ahead(name) for name in times.rows)
    needed: dict[str, int] = {}  # units that the input is ahead when a layer reads
    found: list[Route] = []
    for layer in reversed(network.layers):
        own = [_route(network, times, layer, operand) for operand in range(len(layer.sources))]
        starts = [_start(times, route) for route in own]
        behind = [needed[each.name] for each in network.layers if layer.name in each.sources]
        needed[layer.name] = max(starts + (behind if layer.WIRES else []))
        for route, start in reversed(list(zip(own, starts, strict=True))):
            units = needed[layer.name] - start + (longest if route.rows else 0)
            apart = times.spacing[route.source]
            found.append(replace(route, words=_SHORT - (-units // apart if apart else 0)))
    outs = [
        Route(None, place, name, words=_SHORT + bursts(streams, name, cycles, widest))
        for place, name in enumerate(network.outputs)
    ]
    routes = [*reversed(found), *outs]
    return tuple(_direct(network, streams, route, routes) for route in routes)


def bursts(streams: Streams, name: str, cycles: int | None, widest: int) -> int:
    """Blocks of a tensor that come while the rows of others below their first are given, pixel by pixel.

    None come meanwhile where nothing is larger than the input; ``cycles`` is None without convolutions.
    """
    made, read = streams.made[name], streams.read[name]
    if made.grow == 1 or cycles is None or made.grid * made.grow <= 1:
        return 0
    clocks = 1 if read is made else clocks_between(read.grid, cycles)  # of a pixel that is given
    given = made.grow * (made.grow - 1) * made.size(1, widest)[1] * clocks
    return math.ceil(given / clocks_between(made.grid, cycles))


def _route(network: Network, times: Times, layer: Layer, operand: int) -> Route:
    """Where a layer gets an operand, and how many rows it comes too early."""
    name, source = layer.name, layer.sources[operand]
    unread = resizes(layer) and operand  # whose size alone is asked
    if unread or not times.spacing[source]:  # or one word for a frame, which waits for its pixels
        return Route(name, operand, source)
    read = times.reads(layer, source)
    wait = read - times.rows[source]  # if nobody else has them
    for other in network.convs:
        kept = other.name != name and other.source == source and taps(other)
        if wait > 0 and kept and other.window.after and times.rows[other.name] == read:
            return Route(name, operand, source, tap=other.name)
    return Route(name, operand, source, rows=max(0, -(-wait // times.spacing[source])))


def taps(conv: Conv) -> bool:
    """Whether every pixel is once in the middle of its window."""
    return conv.stride == 1 and all(cut == 0 for _, _, cut in conv.window.axes)


def _start(times: Times, route: Route) -> int:
    """Units that the input is ahead where a route begins."""
    if route.tap is None:
        return times.ahead(route.source)
    return times.ahead(route.tap) - times.held[route.tap] * times.spacing[route.source]


def _direct(network: Network, streams: Streams, route: Route, routes: Sequence[Route]) -> Route:
    """Without a queue where the source is wires, and nobody else reads it: there is one in front of them."""
    made = next((layer for layer in network.layers if layer.name == route.source), None)
    alone = sum(other.source == route.source for other in routes) == 1
    wires = made is not None and made.WIRES and route.source not in streams.parted
    return replace(route, words=None) if wires and alone and not route.rows else route
