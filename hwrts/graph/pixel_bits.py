"""Pictures of more than 8 bits: the body reads them rounded to 8, the last sum has them whole.

Hidden tensors and weights keep 8 bits, so what a convolution reads must have 8. A rounded picture is off by
half a code at most, to either side; the upper bits alone would be off by up to a whole code, always below, so
that the body would see every level 3/8 of a code too dark (of 10 bits). The result is on the picture's own
grid, so a correction of 0 passes all bits (docs/arithmetic.md, eq. 51).
"""

from dataclasses import replace

from hwrts.errors import UnsupportedOperatorError
from hwrts.graph.graph import Graph, new_names
from hwrts.graph.operators import Node, Scale


def with_pixel_bits(graph: Graph, bits: int) -> Graph:
    """A deploy form whose picture has so many bits, and its output as many.

    Args:
        graph: For pictures of 8 bits.
        bits: 8 gives it back.

    Raises:
        UnsupportedOperatorError: What is added to the picture's own bits reads them as well.
    """
    if bits == 8:
        return graph
    x, whole = graph.input, _whole(graph)
    for node in graph.operations:
        if node.name not in whole and not whole.isdisjoint(node.sources):
            raise UnsupportedOperatorError(
                f"{node.name!r}: reads the enlarged picture of {bits} bits, of which the last sum alone can; "
                "use --pixel-bits 8"
            )
    (rounded,) = new_names(graph, f"{x.name}_rounded")
    nodes: list[Node] = [replace(x, bits=bits), Scale(rounded, (x.name,), 1.0)]
    nodes += [
        node if node.name in whole else node.reading({x.name: rounded})
        for node in graph.nodes
        if node is not x
    ]
    return graph.rewritten(nodes)


def _whole(graph: Graph) -> set[str]:
    """The last sum, and what is made of the picture for it; nothing where no picture is added in the end."""
    last = graph.node(graph.output)
    if last.signs is None:  # no sum
        return set()
    found, made = set[str](), {node.name: node for node in graph.operations}
    for source in last.sources:
        name, chain = source, {last.name}
        while name in made and made[name].KEEPS_PICTURES:
            chain.add(name)
            name = made[name].sources[0]
        if name == graph.input.name:
            found |= chain
    return found
