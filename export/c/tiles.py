"""Rows of three taps with half the multiplications: four sums of six products, exact in whole numbers.

Winograd's F(4, 3) along a row, its matrices multiplied by their denominators: the six points of a tile of six
pixels times those of three weights make 24, 12, 6 and 6 times the four sums, which divides out exactly.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.function import Writer
from hwrts.export.c.gather import gathering
from hwrts.export.c.text import constants
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv, Padding

POINTS, COLUMNS, MADE = 6, 6, 4
"""Of a tile: products, columns that it reads, sums that it makes."""
_WEIGHTS = np.array([[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 1]])
_FACTOR = 24
_LEAST = 8
"""Channels below which sums take less time than tiles are made in."""
_INT32 = 1 << 31


def has_tiles(layer: Conv, largest: int) -> bool:
    """Whether a convolution's sums are exact so: 24 of them fit in 32 bits, wherever they wrap before.

    Of reflected edges there may be too few columns for a whole tile.
    """
    shape = layer.shape
    plain = (shape.columns, shape.stride, shape.dilation) == (3, 1, 1)
    few = layer.weight_i8.shape[1] < _LEAST
    return plain and not few and layer.padding is not Padding.REFLECT and _FACTOR * largest < _INT32


def tile_weights(weight: NDArray[np.integer]) -> NDArray[np.int64]:
    """Weights (O, I, KH, 3) as those of each point (6, O, KH*I): whole numbers up to 7 times as large."""
    outputs, inputs, rows, _ = weight.shape
    points: NDArray[np.int64] = np.einsum("pk,oirk->pori", _WEIGHTS, weight.astype(np.int64))
    return points.reshape(POINTS, outputs, rows * inputs)


def tiled(writer: Writer, layer: Conv, windows: int, lanes: int, taps: int) -> tuple[str, str, str, int]:
    """Weights, functions, the statements that make ``sums`` from column ``first`` on; and scratch bytes.

    Args:
        writer: Of the network.
        layer: The convolution.
        windows: Tiles at once.
        lanes: Channels of a block.
        taps: Of each channel in it.
    """
    name, (outputs, inputs) = writer.names[layer.name], layer.weight_i8.shape[:2]
    points = tile_weights(layer.weight_i8)
    used = -(-points.shape[2] // taps) * taps
    channels = -(-outputs // lanes) * lanes
    packed = np.zeros((POINTS, channels, used), np.int64)
    packed[:, :outputs, : points.shape[2]] = points
    blocks = packed.reshape(POINTS, channels // lanes, lanes, used // taps, taps).transpose(0, 1, 3, 2, 4)
    rows = layer.shape.rows
    values = {
        "name": name,
        "windows": windows,
        "used": used,
        "channels": channels,
        "rows": rows,
        "inputs": inputs,
        "left": layer.shape.margins[1],
        "made": MADE,
        "points": POINTS,
    }
    zero = writer.stored(layer.source).zero
    functions = gathering(writer, layer, "operand_x", "{}", zero, COLUMNS, "_tile")
    scratch = 4 * channels * windows * (POINTS + MADE) + 2 * (
        POINTS * windows * used + COLUMNS * rows * inputs
    )
    table = constants("operand_w", f"{name}_blocks", blocks)
    return table, functions, filled(_SUMS, **values), scratch


_SUMS = """\
        for (int32_t t = 0; t < {{ windows }} && first + {{ made }} * t < made; ++t) {
            {{ name }}_gather_tile(x0, width, first + {{ made }} * t - {{ left }}, pixels);
            tile_in(pixels, {{ rows }}, {{ inputs }}, a + t * {{ used }}, {{ windows * used }});
        }
        for (int32_t point = 0; point < {{ points }}; ++point) {
            multiply_blocks(a + point * {{ windows * used }}, {{ used }},
                {{ name }}_blocks + point * {{ channels * used }}, {{ used }},
                products + point * {{ windows * channels }}, {{ channels }});
        }
        tile_out(products, {{ windows }}, {{ channels }}, sums);
"""
