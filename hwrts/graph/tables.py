"""Rewrites around tables: quotients, roots under a fraction bar, and the least value that each may read."""

import math
from dataclasses import replace

from hwrts.graph import Divide, Graph, Lookup, Multiply, Node, new_names


def with_tables(graph: Graph) -> Graph:
    """The graph with its quotients as products, each table knowing the least value that it may read."""
    return _knowing_lows(_roots_as_one(_with_products(graph)))


def _with_products(graph: Graph) -> Graph:
    """Each a / b is a * (1 / b): a table and a product."""
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Divide):
            a, b = node.sources
            (inverse,) = new_names(Graph((*graph.nodes, *nodes)), f"{node.name}_inverse")
            nodes += [Lookup(inverse, (b,), "reciprocal"), Multiply(node.name, (a, inverse))]
        else:
            nodes.append(node)
    return graph.rewritten(nodes)


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
    return graph.rewritten(
        replace(node, low=max(lows[node.sources[0]], -math.inf if node.low is None else node.low))
        if isinstance(node, Lookup) and node.needs_low and lows[node.sources[0]] > -math.inf
        else node
        for node in graph.nodes
    )
