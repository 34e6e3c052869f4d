"""Hidden tensors that carry the picture past kernels to a sum, in more than 8 bits.

In SRResNet, EDSR and SRCNN the picture goes through hidden tensors. A signed one of 8 bits that holds 0..1
has no finer grid than 2**-7, half of the picture's, and there are several in a row. Sums, leaky ReLUs,
concatenations and shuffles take codes of any width, so there the picture keeps more of its bits; whatever
else reads such a tensor reads a copy of it, rounded to the width of all others (docs/arithmetic.md, eq. 54).
"""

import math

from hwrts.errors import ConfigError
from hwrts.graph.graph import Graph, new_names
from hwrts.graph.operators import Node, Operation, Scale


def with_skip_bits(graph: Graph, bits: int) -> Graph:
    """A deploy form in which kernels read rounded copies of the tensors that have so many bits.

    Args:
        graph: For tensors of 8 bits and fewer.
        bits: 8 gives it back.

    Raises:
        ConfigError: No tensor carries the picture past a kernel.
    """
    if bits == 8:
        return graph
    wide, way = skipping(graph), _Way(graph)
    if not wide:
        raise ConfigError(
            f"--skip-bits {bits}: would do nothing: no hidden tensor of this network carries the picture "
            "past a kernel to a sum; use 8"
        )
    origins = graph.origins()
    nodes: list[Node] = []
    copies: dict[str, str] = {}
    for node in graph.operations:
        rounded = [
            source
            for source in dict.fromkeys(node.sources)
            if origins[source] in wide and not way.passes(source, node)
        ]
        for source in rounded:
            if source not in copies:
                (copies[source],) = new_names(graph, f"{source}_rounded")
                nodes.append(Scale(copies[source], (source,), 1.0))
        nodes.append(node.reading({source: copies[source] for source in rounded}) if rounded else node)
    return graph.rewritten((*graph.inputs, *nodes))


def skipping(graph: Graph) -> set[str]:
    """Names of the quantised tensors that carry the picture past a kernel to a sum.

    They are on the way from an input to an output on which the fewest operators lie that multiply or bend
    values, and from there to a sum on that way are only leaky ReLUs, other sums, concatenations and moves.
    Pictures themselves are on their own grid, and are none of them; nor is what a table gives, which has one
    entry for each code and so no more levels than what it reads. Rounded copies change nothing of it.

    Args:
        graph: Its ReLUs fused.
    """
    way, origins = _Way(graph), graph.origins()
    summed: set[str] = set()
    for node in reversed(graph.operations):
        if node.signs is not None or node.name in summed:
            summed |= {source for source in node.sources if way.passes(source, node)}
    tables = {node.name for node in graph.operations if node.TABLED}
    return {origins[name] for name in summed} - graph.pixel_tensors() - tables


class _Way:
    """The way of a graph's picture: from an input to an output past the fewest kernels."""

    def __init__(self, graph: Graph) -> None:
        behind = {each.name: 0.0 for each in graph.inputs}
        for node in graph.operations:
            behind[node.name] = _steps(node) + min(behind[source] for source in node.sources)
        self._behind = behind
        self._on_it: set[str] = set()
        for output in graph.outputs:
            before = dict.fromkeys(behind, math.inf) | {output: 0.0}
            for node in reversed(graph.operations):
                for source in node.sources:
                    before[source] = min(before[source], before[node.name] + _steps(node))
            self._on_it |= {name for name in behind if behind[name] + before[name] == behind[output]}

    def passes(self, source: str, reader: Operation) -> bool:
        """Whether the picture goes from a tensor into what reads it, and keeps its bits there."""
        both = self._on_it >= {source, reader.name}
        return both and not reader.only_rounds and self._behind[source] == self._behind[reader.name]


def _steps(node: Operation) -> int:
    """0 of what takes codes of any width and gives them on.

    That are leaky ReLUs, sums, concatenations, moves, and rounded copies.
    """
    return int(not (node.MOVES or node.JOINS or node.LETS_FACTORS_THROUGH or node.only_rounds))
