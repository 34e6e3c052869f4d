"""Channels of hidden tensors brought nearer to each other by powers of two, where a leaky ReLU follows.

Of a large value below 0 a leaky ReLU leaves little, but the tensor in front of it needs room for it: all
other channels, the picture among them, get a coarse grid. Leaky ReLUs and sums let a factor of a channel
through, so it is given to the convolutions that make it and taken back by those that read it. Powers of two:
in floating point not one bit of what the network makes changes.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from hwrts.fixed_point import Format
from hwrts.graph.graph import Graph, graph_channels, run_graph
from hwrts.graph.operators import Node, Operation

OVERSHOOT = 1.125
"""How far beyond the range a channel may be that keeps its factor: half of its resolution is worth more."""


def equalised(
    graph: Graph, formats: Mapping[str, Format], batches: Iterable[Tensor | Mapping[str, Tensor]]
) -> Graph:
    """The graph with factors on the channels in front of leaky ReLUs that have a finer grid than these.

    Args:
        graph: The deploy form.
        formats: As they were calibrated; the leaky ReLU's says which range its source should have.
        batches: What ranges are measured on.

    Returns:
        The same graph if there is nothing to gain, or something there that no factor goes through.
    """
    wide = {node.name: node.sources[0] for node in graph.operations if _is_narrower(node, formats)}
    groups = {name: _group(graph, name) for name in wide}  # with the channels that have no factor
    if not any(members for members, _ in groups.values()):
        return graph
    largest = _largest(graph, wide.values(), batches)
    scaled: set[str] = set()
    for name, (members, without) in groups.items():
        if not members or members & scaled:  # its channels have their factors already
            continue
        scaled |= members
        limit = OVERSHOOT * 2.0 ** (formats[name].bits - 1 - formats[name].frac)
        ratio = limit / largest[wide[name]].clamp(min=limit)  # (C,), at most 1
        ratio[list(without)] = 1.0
        graph = _scaled(graph, members, torch.exp2(ratio.log2().floor()))
    return graph


def takes_factors(graph: Graph) -> bool:
    """Whether there is a tensor whose channels could have factors, whatever the formats are."""
    return any(
        node.LETS_FACTORS_THROUGH and len(node.sources) == 1 and bool(_group(graph, node.sources[0])[0])
        for node in graph.operations
    )


def _is_narrower(node: Operation, formats: Mapping[str, Format]) -> bool:
    """Whether it lets factors through and has a finer grid than what it reads, which has one of its own."""
    if not node.LETS_FACTORS_THROUGH or len(node.sources) > 1:
        return False
    source = formats.get(node.sources[0])
    return source is not None and source.frac < formats[node.name].frac


@torch.no_grad()
def _largest(
    graph: Graph, names: Iterable[str], batches: Iterable[Tensor | Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """The largest magnitude in each channel (C,) of some tensors."""
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in batches:
        values = run_graph(graph, batch)
        for name, seen in found.items():
            seen.append(values[name].abs().amax((0, 2, 3)))
    return {name: torch.stack(seen).amax(0) for name, seen in found.items()}


def _group(graph: Graph, start: str) -> tuple[set[str], set[int]]:
    """The tensors that have one factor a channel with this one, and the channels of them that have none.

    No tensors if factors can't be given or taken back.
    """
    nothing: tuple[set[str], set[int]] = set(), set()
    channels = graph_channels(graph)
    members, without = set[str](), set[int]()
    left = [start]
    while left:
        name = left.pop()
        if name in members:
            continue
        members.add(name)
        node, factors = graph.node(name), torch.ones(channels[name])
        if node.LETS_FACTORS_THROUGH:
            left += node.sources
        elif node.with_factors(factors, None) is None:
            return nothing
        for reader in graph.readers(name):
            if reader.LETS_FACTORS_THROUGH:
                left.append(reader.name)
            elif reader.with_factors(None, factors) is None:
                return nothing
            else:
                without |= {*reader.without_factor}
        if name in graph.outputs or channels[name] != channels[start]:
            return nothing
    return members, without


def _scaled(graph: Graph, members: set[str], factors: Tensor) -> Graph:
    """The graph with factors (C,) on the channels of some tensors."""
    changed: dict[str, Node] = {}
    for node in graph.operations:
        made, read = (
            factors if found else None for found in (node.name in members, node.sources[0] in members)
        )
        scaled = None if node.LETS_FACTORS_THROUGH else node.with_factors(made, read)
        if scaled is not None:
            changed[node.name] = scaled
    return graph.rewritten(changed.get(node.name, node) for node in graph.nodes)
