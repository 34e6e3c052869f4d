"""Which queues stand between the layers: the planned line memory, and what pipelines need beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwrts.export.rtl.folding import Folding
from hwrts.export.rtl.stream import Stream
from hwrts.fixed_point import Conv, DepthToSpace, Layer, Lines, Network, Reorder, Repeat, Step, plan_lines

WIRES = DepthToSpace | Repeat | Reorder
"""Layers that hold no word: what they make is there as soon as what they read."""
_SHORT = 2
"""Words of a queue that only parts two pipelines."""
_CLOCKS = 8
"""Clocks from a window to the sum of its codes, its queues on both sides included."""
_WORDS = 4
"""Words that a pipeline holds at any speed: its result, and those of the queues around it."""


@dataclass(frozen=True)
class Route:
    """A tensor on its way to one of the places that read it.

    Attributes:
        reader: Name of the layer; None is the way out.
        operand: Which of its sources.
        source: Name of the tensor.
        tap: The convolution from the middle of whose window it is taken; None from the tensor itself.
        rows: Rows that wait on the way.
        words: Of its queue beside those; None where it needs no queue.
    """

    reader: str | None
    operand: int
    source: str
    tap: str | None = None
    rows: int = 0
    words: int | None = _SHORT


def steps_of(network: Network, streams: Mapping[str, Stream]) -> tuple[Step, ...]:
    """The shape of the circuit: as the network's, but that nothing grows, for squares stay together."""
    return tuple(
        replace(
            step,
            window=replace(step.window, grow=1),
            channels=streams[step.name].lanes,
        )
        for step in network.steps
    )


def routes_of(
    network: Network, streams: Mapping[str, Stream], foldings: Mapping[str, Folding], widest: int
) -> tuple[Route, ...]:
    """Every way in the circuit, in the order of its readers; ``widest`` columns has the largest frame."""
    plan = plan_lines(steps_of(network, streams))
    ahead = _ahead(network, foldings)
    longest = max(columns + words for columns, words in ahead.values())
    needed: dict[str, int] = {}  # words that the input is ahead when a layer reads
    found: list[Route] = []
    for layer in reversed(network.layers):
        own = [_route(network, plan, layer, operand) for operand in range(len(layer.sources))]
        starts = [_start(network, foldings, ahead, route) for route in own]
        behind = [needed[each.name] for each in network.layers if layer.name in each.sources]
        needed[layer.name] = max(starts + (behind if isinstance(layer, WIRES) else []))
        for route, start in reversed(list(zip(own, starts, strict=True))):
            words = _SHORT + needed[layer.name] - start + (longest if route.rows else 0)
            found.append(replace(route, words=words))
    way_out = _SHORT + _bursts(network, streams[network.output].grow, foldings, widest)
    routes = [*reversed(found), Route(None, 0, network.output, words=way_out)]
    return tuple(_direct(network, route, routes) for route in routes)


def _bursts(network: Network, grow: int, foldings: Mapping[str, Folding], widest: int) -> int:
    """Blocks that come while the rows of others below their first are given, pixel by pixel."""
    cycles = max((foldings[conv.name].cycles(conv) for conv in network.convs), default=None)
    return 0 if cycles is None else -(-grow * (grow - 1) * widest // cycles)


def _route(network: Network, plan: Lines, layer: Layer, operand: int) -> Route:
    """Where a layer gets an operand, and how many rows it comes too early."""
    name, source = layer.name, layer.sources[operand]
    read = int(plan.done[name][0]) + layer.window.after
    rows = int(plan.done[source][0]) - read  # that wait, if nobody else has them
    for other in network.layers:
        kept = isinstance(other, Conv) and other.name != name and other.source == source
        if rows > 0 and kept and other.window.after and int(plan.done[other.name][0]) == read:
            return Route(name, operand, source, tap=other.name)
    return Route(name, operand, source, rows=max(0, rows))


def _ahead(network: Network, foldings: Mapping[str, Folding]) -> dict[str, tuple[int, int]]:
    """Columns and words that the input is ahead of each tensor at most, with nothing in queues of rows."""
    ahead = {each.name: (0, 0) for each in network.inputs}
    for layer in network.layers:
        own = _own(layer, foldings)
        sources = [ahead[source] for source in layer.sources]
        columns, words = (max(each[i] for each in sources) + own[i] for i in (0, 1))
        ahead[layer.name] = columns, words
    return ahead


def _own(layer: Layer, foldings: Mapping[str, Folding]) -> tuple[int, int]:
    """Columns and words that a layer's source is ahead of its result."""
    if isinstance(layer, WIRES):
        return 0, 0
    if not isinstance(layer, Conv):
        return 0, _WORDS
    return layer.window.axes[1][1], _WORDS + -(-_CLOCKS // foldings[layer.name].cycles(layer))


def _start(
    network: Network, foldings: Mapping[str, Folding], ahead: Mapping[str, tuple[int, int]], route: Route
) -> int:
    """Words that the input is ahead where a route begins."""
    if route.tap is None:
        return sum(ahead[route.source])
    return sum(ahead[route.tap]) - _own(network.layer(route.tap), foldings)[1]


def _direct(network: Network, route: Route, routes: Sequence[Route]) -> Route:
    """Without a queue where the source is wires, and nobody else reads it: there is one in front of them."""
    made = next((layer for layer in network.layers if layer.name == route.source), None)
    alone = sum(other.source == route.source for other in routes) == 1
    wires = isinstance(made, WIRES)
    return replace(route, words=None) if wires and alone and not route.rows else route
