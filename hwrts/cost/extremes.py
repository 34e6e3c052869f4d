"""The integer layers that an untrained graph can end up with: the ends between which training will choose."""

from collections.abc import Mapping

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, Format, Input, Layer, Network
from hwrts.graph import Graph, graph_channels
from hwrts.graph.hidden import inner_bits
from hwrts.graph.operators import Fused
from hwrts.graph.widths import Widths


def untrained_formats(
    graph: Graph, bits: int = 8, hidden_bits: int | None = None, skip_bits: int = 8
) -> dict[str, Format]:
    """Sign and width of every tensor of a graph.

    Grids depend on training: here all tensors stand on the grid of 8-bit pixels, but for pictures of more.

    Args:
        graph: The network, its ReLUs fused.
        bits: Width of the tensors between input and output, 2..8; those of pictures have their own.
        hidden_bits: As of :func:`.inner_bits`, as the next.
        skip_bits: Of tensors that carry the picture.
    """
    pictured, unsigned = graph.picture_formats(graph.pixel_ends()), graph.non_negative()
    widths = inner_bits(graph, pictured, bits, hidden_bits, skip_bits)
    return {
        name: pictured.get(origin) or Format(origin not in unsigned, widths[origin], PIXEL.frac)
        for name, origin in graph.origins().items()
    }


def extreme_layers(
    graph: Graph, formats: Mapping[str, Format], widths: Mapping[str, Widths]
) -> list[tuple[Layer, Layer]]:
    """Each layer twice, with all that is trained at the upper and at the lower end of its range, no bias.

    An accumulator of any weights lies between those of these two.

    Args:
        graph: The network. Of its trained numbers only the shapes are read, of a PReLU the grid as well.
        formats: Of every tensor.
        widths: Of the weights of each convolution, and of its sums.

    Raises:
        UnsupportedOperatorError: A ReLU or batch norm that is not fused.
    """
    for node in graph.of(Fused):  # type: ignore[type-abstract] # of either kind
        raise UnsupportedOperatorError(
            f"cost: {type(node).__name__} {node.name!r} stands alone; fuse it first (in_form)"
        )
    channels = graph_channels(graph)
    return [
        (
            node.extreme(formats, channels, widths.get(node.name), 1),
            node.extreme(formats, channels, widths.get(node.name), -1),
        )
        for node in graph.operations
    ]


def extreme_network(
    graph: Graph,
    bits: int,
    widths: Mapping[str, Widths],
    hidden_bits: int | None = None,
    skip_bits: int = 8,
) -> Network:
    """The network of the upper ends: as large as a trained one, and its accumulators at least as wide.

    Args:
        graph: As of :func:`extreme_layers`.
        bits: Width of the tensors between input and output, 2..8.
        widths: Of the weights of each convolution, and of its sums.
        hidden_bits: As of :func:`.inner_bits`, as the next.
        skip_bits: Of tensors that carry the picture.

    Raises:
        UnsupportedOperatorError: As :func:`extreme_layers`.
    """
    formats = untrained_formats(graph, bits, hidden_bits, skip_bits)
    inputs = (
        Input(each.name, each.channels, formats[each.name], grow=each.grow, shrink=each.shrink)
        for each in graph.inputs
    )
    layers = (upper for upper, _ in extreme_layers(graph, formats, widths))
    return Network(tuple(inputs), tuple(layers), outputs=graph.outputs)
