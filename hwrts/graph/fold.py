"""Operators that vanish into the one in front of them: batch norms, constant factors (eq. 18), ReLUs."""

from collections.abc import Mapping
from dataclasses import replace

from hwrts.graph import Add, Affine, Clip, Graph, Node, Operation, Relu, Scale
from hwrts.graph.operators import Crop, Fused, Operator


def fold_affines(graph: Graph) -> Graph:
    """The graph without the batch norms and constants that a neighbour takes; those that are left stay.

    One goes into the convolution in front of it, through shuffles and factors too; else into those behind it,
    its gain at least where their zeros around the picture stand in the way of the offset.
    """
    while True:
        nodes = len(graph.nodes)
        graph = _within_readers(_fold(_behind_shuffles(_fold(graph, Affine)), Scale, behind=Affine))
        if len(graph.nodes) == nodes:
            return _gains_within_readers(graph)


def _behind_shuffles(graph: Graph) -> Graph:
    """Constants behind a shuffle, in the kernels in front of that: moving codes commutes with them."""
    for node in graph.of(Affine):
        spread, front = node, graph.node(node.sources[0])
        while graph.uses(front.name) == 1 and (before := front.before(spread)) is not None:
            spread, front = before, graph.node(front.sources[0])
        if front.name == node.sources[0] or not front.KERNELS or graph.uses(front.name) > 1:
            continue
        joined = spread.joined(front)
        if joined is not None:
            return _replaced(graph, {joined.name: joined}, {node.name: node.sources[0]})
    return graph


def _within_readers(graph: Graph) -> Graph:
    """Constants all of whose readers take them."""
    for node in graph.of(Affine):
        readers = graph.readers(node.name)
        taken = [node.within(reader) for reader in readers]
        made = {each.name: each for each in taken if each is not None}
        if readers and len(made) == graph.uses(node.name):
            return _replaced(graph, made, {node.name: node.sources[0]})
    return graph


def _gains_within_readers(graph: Graph) -> Graph:
    """Gains in the convolutions behind them, where zeros around the picture stand in the way of offsets.

    What is left adds an offset on the grid of its source: of a normalised picture no bit is lost to its gain.
    """
    changed: dict[str, Operation] = {}
    for node in graph.of(Affine):
        readers = graph.readers(node.name)
        kept = graph.uses(node.name) != len(readers) or bool((node.gain == 1).all())
        if not readers or kept or not bool((node.gain > 0).all()):
            continue
        gain = replace(node, sources=(node.name,), offset=0 * node.gain)
        taken = [gain.within(changed.get(reader.name, reader)) for reader in readers]
        if all(taken):
            changed |= {each.name: each for each in taken if each is not None}
            changed[node.name] = replace(node, gain=node.gain / node.gain, offset=node.offset / node.gain)
    return _replaced(graph, changed, {})


def _replaced(graph: Graph, changed: Mapping[str, Node], renamed: Mapping[str, str]) -> Graph:
    """The graph with other nodes of the same names, and without those that are renamed."""
    kept = (changed.get(node.name, node) for node in graph.nodes if node.name not in renamed)
    return graph.rewritten((node.reading(renamed) for node in kept), renamed)


def fold_scales(graph: Graph) -> Graph:
    """The graph without the constant factors that stand behind a convolution; others stay."""
    return _fold(graph, Scale)


def fold_crops(graph: Graph) -> Graph:
    """The graph without crops that cut off what a convolution has made of its padding alone."""
    return _fold(graph, Crop)


def fold_signs(graph: Graph) -> Graph:
    """Make a - conv(b) a + (-conv)(b), which is the same: weights have a symmetric range (eq. 32)."""
    turned: dict[str, Node] = {}
    for node in graph.of(Add):
        front = graph.node(node.sources[1])
        alone = graph.uses(front.name) == 1 and node.sources[0] != front.name
        negative = front.times(-1.0) if node.negated and alone else None
        if negative is not None:
            turned |= {node.name: replace(node, negated=False), front.name: negative}
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
    fused: dict[str, Node] = {}
    for node in graph.of(Clip):
        front = _maker(graph, node, alone=True)
        unsigned = front.with_relu() if node.low is not None and node.low >= 0 else None
        if unsigned is not None:
            fused[front.name] = unsigned
    return graph.rewritten(fused.get(node.name, node) for node in graph.nodes)


def _without_idle_clips(graph: Graph) -> Graph:
    """The graph without clips at 0 alone of what is behind a ReLU already."""
    renamed: dict[str, str] = {}
    nodes: list[Node] = [*graph.inputs]
    for node in graph.operations:
        front = _maker(graph, node, alone=False)
        idle = node.limits == (0, None)
        both_given = node.name in graph.outputs and node.sources[0] in graph.outputs
        if idle and front.relu and not both_given:
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
        if not node.REARRANGES:
            return node


def _fold(graph: Graph, kind: type[Operator], behind: type[Operator] | None = None) -> Graph:
    """Each node of a kind joined to the one in front of it, where that can be and nobody else reads that.

    Args:
        graph: Where they stand.
        kind: Of nodes that may vanish.
        behind: Of the nodes in front; None for any.
    """
    renamed: dict[str, str] = {}
    nodes: dict[str, Node] = {node.name: node for node in graph.inputs}
    wanted = {node.name for node in graph.of(kind)}
    fronts = None if behind is None else {node.name for node in graph.of(behind)}
    for node in graph.operations:
        front = nodes[renamed.get(node.sources[0], node.sources[0])]
        alone = graph.uses(node.sources[0]) == 1
        asked = node.name in wanted and alone and (fronts is None or front.name in fronts)
        joined = node.joined(front) if asked else None
        if joined is None:
            nodes[node.name] = node.reading(renamed)
        else:
            nodes[front.name] = joined
            renamed[node.name] = front.name
    return graph.rewritten(nodes.values(), renamed)
