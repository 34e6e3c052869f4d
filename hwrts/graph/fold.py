"""Operators that vanish into the one in front of them: batch norms, constant factors (eq. 18), ReLUs."""

from hwrts.graph import BatchNorm, Graph, Node, Relu, Scale
from hwrts.graph.operators import Fused, Operator


def fold_batch_norms(graph: Graph) -> Graph:
    """The graph without batch norms.

    Raises:
        UnsupportedOperatorError: A batch norm that is not the only reader of a convolution.
    """
    return _without(graph, BatchNorm)


def fold_scales(graph: Graph) -> Graph:
    """The graph without the constant factors that stand behind a convolution; others stay."""
    return _fold(graph, Scale)


def fuse_relus(graph: Graph) -> Graph:
    """Make each ReLU part of the convolution or addition in front of it: saturation of an unsigned code.

    Raises:
        UnsupportedOperatorError: A ReLU whose operand is also read by another node, or is not a
            convolution or an addition.
    """
    return _without(graph, Relu)


def _without(graph: Graph, kind: type[Fused]) -> Graph:
    folded = _fold(graph, kind)
    for node in folded.of(kind):
        raise node.refused()
    return folded


def _fold(graph: Graph, kind: type[Operator]) -> Graph:
    """Each node of a kind joined to the one in front of it, where that can be and nobody else reads that."""
    renamed: dict[str, str] = {}
    nodes: dict[str, Node] = {graph.input.name: graph.input}
    wanted = {node.name for node in graph.of(kind)}
    for node in graph.operations:
        front = nodes[renamed.get(node.sources[0], node.sources[0])]
        alone = len(graph.readers(node.sources[0])) == 1
        joined = node.joined(front) if node.name in wanted and alone else None
        if joined is None:
            nodes[node.name] = node.reading(renamed)
        else:
            nodes[front.name] = joined
            renamed[node.name] = front.name
    return Graph(tuple(nodes.values()))
