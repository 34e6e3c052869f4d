"""Operators that are written as others (``operators.composed``), once the channels of a graph are known."""

from hwrts.graph import Graph, Node, graph_channels
from hwrts.graph.operators.composed import Composed


def unfold(graph: Graph, places: dict[str, str]) -> Graph:
    """The graph without them.

    Args:
        graph: As traced.
        places: Where each tensor is made; those of new tensors are put in.
    """
    if not graph.of(Composed):  # type: ignore[type-abstract] # of any kind
        return graph
    channels = graph_channels(graph)
    renamed: dict[str, str] = {}
    nodes: list[Node] = [*graph.inputs]
    taken = {node.name for node in graph.nodes}

    def new(wanted: str) -> str:
        while wanted in taken:
            wanted += "_"
        taken.add(wanted)
        return wanted

    for node in graph.operations:
        read = node.reading(renamed)
        if not isinstance(read, Composed):
            nodes.append(read)
            continue
        made = read.written(channels[node.sources[0]], new)
        nodes.extend(made)
        places.update({each.name: places[node.name] for each in made})
        if made[-1].name != node.name:
            renamed[node.name] = made[-1].name
    return graph.rewritten(nodes, renamed)
