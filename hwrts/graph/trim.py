"""Rows and columns that a convolution makes of its padding, and that are cut off: it has less padding."""

from dataclasses import replace

from hwrts.graph import Conv, Graph, Input, Node
from hwrts.graph.operators import Crop
from hwrts.graph.operators.conv import unless_centred


def trimmed(graph: Graph) -> Graph:
    """The graph without crops behind a convolution of which only the padding has made what is cut off.

    A row less of padding at the top is a row less of the result at the top, whatever the padding is.
    """
    nodes: dict[str, Node] = {node.name: node for node in graph.nodes}
    renamed: dict[str, str] = {}
    for crop in graph.of(Crop):
        (source,) = crop.sources
        conv = nodes[renamed.get(source, source)]
        if not isinstance(conv, Conv) or conv.stride != 1 or graph.uses(source) > 1 or conv.transposed:
            continue
        top, left, bottom, right = (have - less for have, less in zip(conv.sides, crop.sides, strict=True))
        if min(top, left, bottom, right) < 0:
            continue
        pads = unless_centred((top, left, bottom, right), conv.weight, conv.dilation)
        nodes[conv.name] = replace(conv, pads=pads)
        renamed[crop.name] = conv.name
        del nodes[crop.name]
    if not renamed:
        return graph
    found = [node if isinstance(node, Input) else node.reading(renamed) for node in nodes.values()]
    return graph.rewritten(found, renamed)
