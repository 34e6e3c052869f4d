"""Channels of hidden tensors brought nearer to each other by powers of two, where a leaky ReLU follows.

Of a large value below 0 a leaky ReLU leaves little, but the tensor in front of it needs room for it: all
other channels, the picture among them, get a coarse grid. Leaky ReLUs and sums let a factor of a channel
through, so it is given to the convolutions that make it and taken back by those that read it. Powers of two:
in floating point not one bit of what the network makes changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from hwrts.fixed_point import Format
from hwrts.graph.graph import Graph, run_graph
from hwrts.graph.operators import Add, Conv, Node, PRelu
from hwrts.networks.held import FREE

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
    wide = [
        leaky for leaky in graph.of(PRelu) if _is_wider(formats.get(leaky.sources[0]), formats[leaky.name])
    ]
    groups = {leaky: _group(graph, leaky.name) for leaky in wide}
    if not any(groups.values()):
        return graph
    largest = _largest(graph, [leaky.sources[0] for leaky in wide], batches)
    for leaky, members in groups.items():
        limit = OVERSHOOT * 2.0 ** (formats[leaky.name].bits - 1 - formats[leaky.name].frac)
        ratio = limit / largest[leaky.sources[0]].clamp(min=limit)  # (C,), at most 1
        if members:
            graph = _scaled(graph, members, torch.exp2(ratio.log2().floor()))
    return graph


def _is_wider(source: Format | None, out: Format) -> bool:
    return source is not None and source.frac < out.frac  # None: moved codes, which have no grid of their own


@torch.no_grad()
def _largest(
    graph: Graph, names: list[str], batches: Iterable[Tensor | Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """The largest magnitude in each channel (C,) of some tensors."""
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in batches:
        values = run_graph(graph, batch)
        for name, seen in found.items():
            seen.append(values[name].abs().amax((0, 2, 3)))
    return {name: torch.stack(seen).amax(0) for name, seen in found.items()}


def _group(graph: Graph, start: str) -> set[str]:
    """The tensors that have one factor a channel with this one; none if it can't be given or taken back."""
    joins = {node.name: node for node in (*graph.of(Add), *graph.of(PRelu))}
    convs = {node.name: node for node in graph.of(Conv) if _is_free(node)}
    members: set[str] = set()
    widths: set[int] = set()
    left = [start]
    while left:
        name = left.pop()
        if name in members:
            continue
        members.add(name)
        if name in joins:
            left += joins[name].sources
        elif name in convs:
            widths.add(len(convs[name].weight))
        else:
            return set()
        readers = {reader.name for reader in graph.readers(name)}
        left += readers & joins.keys()
        read = readers - joins.keys()
        widths |= {convs[reader].reads for reader in read & convs.keys()}
        if name in graph.outputs or not read <= convs.keys() or len(widths) > 1:
            return set()
    return members


def _is_free(conv: Conv) -> bool:
    return conv.groups == 1 and not conv.frozen and conv.held == FREE


def _scaled(graph: Graph, members: set[str], factors: Tensor) -> Graph:
    """The graph with factors (C,) on the channels of some tensors."""
    changed: dict[str, Node] = {}
    for conv in graph.of(Conv):
        made = conv.scaled(factors) if conv.name in members else conv
        if conv.sources[0] in members:
            made = replace(made, weight=made.weight / factors.reshape(-1, 1, 1))
        changed[conv.name] = made
    return graph.rewritten(changed.get(node.name, node) for node in graph.nodes)
