"""Operators that vanish into the one in front of them: batch norms, constant factors (eq. 18), ReLUs."""

from dataclasses import replace

from hwrts.graph import Add, BatchNorm, Clip, Conv, DepthToSpace, Graph, Node, Relu, Repeat, Scale
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


def fold_signs(graph: Graph) -> Graph:
    """Make a - conv(b) a + (-conv)(b), which is the same: weights have a symmetric range (eq. 32)."""
    turned: dict[str, Node] = {}
    for node in graph.of(Add):
        front = graph.node(node.sources[1])
        alone = graph.uses(front.name) == 1 and node.sources[0] != front.name
        if node.negated and alone and isinstance(front, Conv) and not front.relu:
            turned |= {node.name: replace(node, negated=False), front.name: front.scaled(-1.0)}
    return graph.rewritten(turned.get(node.name, node) for node in graph.nodes)


def fuse_relus(graph: Graph) -> Graph:
    """Make each ReLU part of the convolution or addition in front of it: saturation of an unsigned code.

    One that cannot be is a clip of codes. A clip that lets nothing below 0 pass gives its ReLU to the
    operator in front as well, for that then has a bit more, and all that is left of a ReLU is dropped.
    """
    return _without_idle_clips(_unsigned_before_clips(_without(graph, Relu)))


def _without(graph: Graph, kind: type[Fused]) -> Graph:
    folded = _fold(graph, kind)
    return folded.rewritten(node.alone() if isinstance(node, kind) else node for node in folded.nodes)


def _unsigned_before_clips(graph: Graph) -> Graph:
    """ReLUs in front of clips that only shuffles stand between and that read alone what they read."""
    fused = {
        front.name: replace(front, relu=True)
        for node in graph.of(Clip)
        for front in [_maker(graph, node, alone=True)]
        if node.low is not None and node.low >= 0 and isinstance(front, Conv | Add)
    }
    return graph.rewritten(fused.get(node.name, node) for node in graph.nodes)


def _without_idle_clips(graph: Graph) -> Graph:
    """The graph without clips at 0 alone of what is behind a ReLU already."""
    renamed: dict[str, str] = {}
    nodes: list[Node] = [*graph.inputs]
    for node in graph.operations:
        front = _maker(graph, node, alone=False)
        idle = isinstance(node, Clip) and (node.low, node.high) == (0, None)
        both_given = node.name in graph.outputs and node.sources[0] in graph.outputs
        if idle and isinstance(front, Conv | Add) and front.relu and not both_given:
            renamed[node.name] = renamed.get(node.sources[0], node.sources[0])
        else:
            nodes.append(node.reading(renamed))
    return graph.rewritten(nodes, renamed)


def _maker(graph: Graph, node: Node, *, alone: bool) -> Node:
    """What makes the codes that a node reads, before they were moved; clips do not only move them.

    Args:
        graph: Where it stands.
        node: Of one source.
        alone: Stop at what others read as well; it is then the node itself or one that only moves codes.
    """
    while True:
        front = graph.node(node.sources[0])
        if alone and graph.uses(front.name) > 1:
            return node
        node = front
        if not isinstance(node, DepthToSpace | Repeat):
            return node


def _fold(graph: Graph, kind: type[Operator]) -> Graph:
    """Each node of a kind joined to the one in front of it, where that can be and nobody else reads that."""
    renamed: dict[str, str] = {}
    nodes: dict[str, Node] = {node.name: node for node in graph.inputs}
    wanted = {node.name for node in graph.of(kind)}
    for node in graph.operations:
        front = nodes[renamed.get(node.sources[0], node.sources[0])]
        alone = graph.uses(node.sources[0]) == 1
        joined = node.joined(front) if node.name in wanted and alone else None
        if joined is None:
            nodes[node.name] = node.reading(renamed)
        else:
            nodes[front.name] = joined
            renamed[node.name] = front.name
    return graph.rewritten(nodes.values(), renamed)
