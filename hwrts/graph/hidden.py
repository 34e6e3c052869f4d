"""How wide each tensor between input and output is: hidden ones may be narrower than the others, or wider."""

from collections.abc import Collection

from hwrts.graph import Graph
from hwrts.graph.skip_bits import skipping


def inner_bits(
    graph: Graph,
    pictured: Collection[str],
    activation_bits: int,
    hidden_bits: int | None,
    skip_bits: int = 8,
) -> dict[str, int]:
    """Width of every quantised tensor that is no picture, by name.

    Args:
        graph: Its ReLUs fused.
        pictured: Names of the tensors that hold pictures.
        activation_bits: Width of them all.
        hidden_bits: Of the hidden ones, if that is less; None for no other.
        skip_bits: Of those that carry the picture past kernels, if more than 8.
    """
    hidden = hidden_tensors(graph, pictured)
    narrow = activation_bits if hidden_bits is None else min(activation_bits, hidden_bits)
    found = {
        node.name: narrow if node.name in hidden else activation_bits
        for node in graph.quantised_nodes()
        if node.name not in pictured
    }
    wide = skipping(graph) if skip_bits > 8 else set()
    return found | {name: skip_bits for name in found if name in wide}


def hidden_tensors(graph: Graph, pictured: Collection[str]) -> set[str]:
    """Names of the quantised tensors that are neither pictures nor corrections of one.

    A correction has a sign, and becomes the picture by sums and convolutions alone: an error of one of its
    codes is one of the picture's, which nothing behind it can take back. What a ReLU or another function
    makes is hidden, and so is all that some such function reads.

    Args:
        graph: Its ReLUs fused.
        pictured: As of :func:`inner_bits`.
    """
    origins, unsigned = graph.origins(), graph.non_negative()
    shown = {name for name, origin in origins.items() if origin in pictured}
    for node in reversed(graph.operations):
        readers = [reader.name for reader in graph.readers(node.name)]
        added_up = node.name not in unsigned and (node.MOVES or node.linear)
        if added_up and readers and node.name not in graph.outputs and shown.issuperset(readers):
            shown.add(node.name)
    return {node.name for node in graph.quantised_nodes() if node.name not in shown}
