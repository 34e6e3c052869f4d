"""Constant factors and batch norms that vanish into the convolution in front of them (eq. 18)."""

from dataclasses import replace

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import BatchNorm, Conv, Graph, Input, Node, Scale


def fold_batch_norms(graph: Graph) -> Graph:
    """The graph without batch norms.

    Raises:
        UnsupportedOperatorError: A batch norm that is not the only reader of a convolution.
    """
    folded = _fold(graph, BatchNorm)
    for node in folded.nodes:
        if isinstance(node, BatchNorm):
            raise UnsupportedOperatorError(
                f"BatchNorm2d {node.place or repr(node.name)}: it must be the only reader of a Conv2d, "
                "right behind it"
            )
    return folded


def fold_scales(graph: Graph) -> Graph:
    """The graph without the constant factors that stand behind a convolution; others stay."""
    return _fold(graph, Scale)


def _fold(graph: Graph, kind: type[BatchNorm] | type[Scale]) -> Graph:
    renamed: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            nodes[node.name] = node
            continue
        sources = tuple(renamed.get(source, source) for source in node.sources)
        conv = nodes[sources[0]]
        alone = len(graph.readers(node.sources[0])) == 1
        if isinstance(node, kind) and isinstance(conv, Conv) and not conv.relu and alone:
            nodes[conv.name] = _folded(conv, node)
            renamed[node.name] = conv.name
        else:
            nodes[node.name] = replace(node, sources=sources)  # type: ignore[arg-type]
    return Graph(tuple(nodes.values()))


def _folded(conv: Conv, node: BatchNorm | Scale) -> Conv:
    """In float64, rounded once."""
    weight, bias = conv.weight.double(), conv.bias.double()
    if isinstance(node, Scale):
        weight, bias = weight * node.factor, bias * node.factor
    else:
        weight, bias = weight * node.gain.reshape(-1, 1, 1, 1), bias * node.gain + node.offset
    return replace(conv, weight=weight.to(conv.weight.dtype), bias=bias.to(conv.bias.dtype))
