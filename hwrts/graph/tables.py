"""Rewrites around tables: roots under a fraction bar, and the least value that each may read."""

from dataclasses import replace

from hwrts.graph import Graph, Lookup


def with_tables(graph: Graph) -> Graph:
    """The graph with 1 / sqrt(x) as one table, and all tables knowing the least value that they may read."""
    return _knowing_lows(_roots_as_one(graph))


def _roots_as_one(graph: Graph) -> Graph:
    """1 / sqrt(x) is one table where nobody else reads the root: two would round twice."""
    roots = {node.name: node for node in graph.of(Lookup) if node.function == "sqrt"}
    joined = {
        node.name: replace(node, function="rsqrt", sources=roots[node.sources[0]].sources)
        for node in graph.of(Lookup)
        if (node.function, node.numerator) == ("reciprocal", 1)
        and node.sources[0] in roots
        and graph.uses(node.sources[0]) == 1
    }
    gone = {graph.node(name).sources[0] for name in joined}
    return graph.rewritten(joined.get(node.name, node) for node in graph.nodes if node.name not in gone)


def _knowing_lows(graph: Graph) -> Graph:
    """Functions that have no value at 0 are asked only for what is in front of them."""
    lows = graph.lowest()
    known = (node.knowing(*(lows[source] for source in node.sources)) for node in graph.operations)
    return graph.rewritten((*graph.inputs, *known))
