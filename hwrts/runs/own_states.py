"""How a user's module is fed: which inputs are states, which pictures, and which have negative values."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import torch

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import scales_of
from hwrts.graph import Graph, Input, graph_channels, graph_steps
from hwrts.graph.trace import Traced
from hwrts.runs.own_ends import Given, Own
from hwrts.runs.own_feed import Feeder

_PICTURES = (1, 3, 6, 9)
"""Channels of inputs that are pictures, frames before among them: no states, unless a name says so."""


def feeder_of(own: Own, traced: Traced, x: Given, step: int) -> Feeder:
    """Names, channels and sizes of the inputs, and which output is whose state in the next frame."""
    graph = traced.graph
    if len(graph.inputs) != len(x.tensors):
        raise UnsupportedOperatorError(
            f"{type(own.module).__name__}: is called with {len(x.tensors)} tensors and reads "
            f"{len(graph.inputs)}; leave out of inputs() what it does not read"
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


def with_signs(traced: Traced, feeder: Feeder, pictures: dict[str, Given]) -> tuple[Traced, frozenset[str]]:
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
