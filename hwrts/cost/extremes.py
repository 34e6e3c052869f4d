"""The integer layers that an untrained graph can end up with: the ends between which training will choose."""

from collections.abc import Mapping

import numpy as np

from hwrts import fixed_point
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, Format, Layer, weight_limit
from hwrts.graph import (
    Add,
    BatchNorm,
    Conv,
    DepthToSpace,
    Graph,
    Input,
    Node,
    PRelu,
    Relu,
    Repeat,
    Scale,
    graph_steps,
)
from hwrts.graph.rounding import dyadic_factor, dyadic_slopes

SLOPE_BITS = 8
"""A slope is an int8 code, whatever the width of the weights (arithmetic.md, eq. 16)."""


def untrained_formats(graph: Graph, bits: int = 8) -> dict[str, Format]:
    """Sign and width of every tensor of a graph.

    Grids depend on training: here all tensors stand on the pixel grid.

    Args:
        graph: The network, its ReLUs fused.
        bits: Width of the tensors between input and output, 2..8; those of pictures have 8.
    """
    on_pixels, unsigned = graph.pixel_tensors(), graph.non_negative()
    formats: dict[str, Format] = {}
    for node in graph.nodes:
        if node.name in on_pixels:
            formats[node.name] = PIXEL
        elif isinstance(node, DepthToSpace | Repeat):
            formats[node.name] = formats[node.sources[0]]
        else:
            formats[node.name] = Format(node.name not in unsigned, bits, PIXEL.frac)
    return formats


def extreme_layers(
    graph: Graph, formats: Mapping[str, Format], weight_bits: Mapping[str, int]
) -> list[tuple[Layer, Layer]]:
    """Each layer twice, with all that is trained at the upper and at the lower end of its range, no bias.

    An accumulator of any weights lies between those of these two.

    Args:
        graph: The network. Of its trained numbers only the shapes are read, of a PReLU the grid as well.
        formats: Of every tensor.
        weight_bits: Width of the weights of each convolution, 2..8.

    Raises:
        UnsupportedOperatorError: A ReLU or batch norm that is not fused.
    """
    channels = {step.name: step.channels for step in graph_steps(graph)}
    return [
        (
            _layer(node, formats, channels[node.name], weight_bits.get(node.name), 1),
            _layer(node, formats, channels[node.name], weight_bits.get(node.name), -1),
        )
        for node in graph.nodes[1:]
    ]


def _layer(
    node: Node, formats: Mapping[str, Format], channels: int, weight_bits: int | None, end: int
) -> Layer:  # fmt: skip
    if isinstance(node, Relu | BatchNorm | Input):
        raise UnsupportedOperatorError(
            f"cost: {type(node).__name__} {node.name!r} stands alone; fuse it first (in_form)"
        )
    out = formats[node.name]
    if isinstance(node, Conv):
        assert weight_bits is not None  # every convolution has a width
        count = node.weight.shape[0]
        weight = np.full(tuple(node.weight.shape), end * weight_limit(weight_bits), np.int8)
        zeros = np.zeros(count, np.int32)
        return fixed_point.Conv(node.name, node.sources[0], weight, zeros, zeros, out, weight_bits)
    if isinstance(node, Add):
        return fixed_point.Add(node.name, node.sources, out)
    if isinstance(node, Scale):
        return fixed_point.Scale(node.name, node.sources[0], *dyadic_factor(node.factor), out)
    if isinstance(node, PRelu):
        codes, frac = dyadic_slopes(node.slope)
        slope = np.broadcast_to(codes.numpy().astype(np.int8), channels)
        if node.trained:  # any slope on this grid
            slope = np.full(channels, end * weight_limit(SLOPE_BITS), np.int8)
        return fixed_point.PRelu(node.name, node.sources[0], slope, frac, out)
    if isinstance(node, DepthToSpace):
        return fixed_point.DepthToSpace(node.name, node.sources[0], node.block)
    if isinstance(node, Repeat):
        return fixed_point.Repeat(node.name, node.sources[0], node.factor)
    return fixed_point.Upsample(node.name, node.sources[0], node.kind, node.factor, out)
