"""The quick form of a convolution in C: windows of neighbouring pixels times weights, as dot products."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.function import Writer
from hwrts.export.c.gather import gathering
from hwrts.export.c.text import constants
from hwrts.export.c.tiles import MADE, POINTS, has_tiles, tiled
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv

PIXELS = 12
"""Windows that are gathered at once."""
SHAPES = (12, 1), (12, 2), (6, 2)
"""Windows and rows of weights of a block of dot products: of gcc, of clang with bytes, of clang with 16 bits,
where its registers are half as many. Sums stay there, and operands are loaded less often."""
_ROWS = max(rows for _, rows in SHAPES)
LANES = 16
"""Channels of a block with intrinsics: a register of AVX-512, two of AVX2."""
TAPS = 4
"""Of each channel, side by side in such a block: bytes of a word."""
_BYTES = 32
"""Bytes that a dot product is a multiple of: one vector register of AVX2, two of NEON."""


def dense(writer: Writer, layer: Conv, folded: NDArray[np.int64], largest: int) -> tuple[str, int, int]:
    """The function of a convolution of one group that reads bytes; bytes that it needs, and with tiles.

    Args:
        writer: Collects the lengths of dot products, and the weights as intrinsics want them.
        layer: The convolution.
        folded: Its biases, those of the stored zero taken in (O,).
        largest: Of its sums.
    """
    shape, numbers = layer.shape, writer.requantiser(layer)
    outputs, inputs = layer.weight_i8.shape[:2]
    taps = shape.rows * shape.columns * inputs
    length, channels = -(-taps // _BYTES) * _BYTES, -(-outputs // LANES) * LANES
    packed = np.zeros((channels, length), np.int8)
    packed[:outputs, :taps] = layer.weight_i8.transpose(0, 2, 3, 1).reshape(outputs, taps)  # (O, KH*KW*I)
    rows = -(-outputs // _ROWS) * _ROWS
    writer.dots.add(length)
    name = writer.names[layer.name]
    used = -(-taps // TAPS) * TAPS
    blocks = packed[:, :used].reshape(channels // LANES, LANES, used // TAPS, TAPS)
    table, functions, tile_sums = (
        constants("operand_w", f"{name}_blocks", blocks.transpose(0, 2, 1, 3)),
        "",
        "",
    )
    scratch_tiles = 0
    if has_tiles(layer, largest):
        tables_of_tiles, functions, tile_sums, scratch_tiles = tiled(writer, layer, PIXELS, LANES, TAPS)
        table = f"#ifdef MODEL_TILES\n{tables_of_tiles}#else\n{table}#endif\n"
    writer.blocks.append(table)
    tables = [("int32_t", "bias", folded.tolist())]
    if not numbers.uniform:
        tables.append(("int32_t", "shift", list(numbers.shifts)))
    before = filled(
        _BEFORE,
        weights=constants("operand_w", f"{name}_weights", packed[:rows]),
        functions=functions,
        gather=gathering(writer, layer, "operand_x", "{}", writer.stored(layer.source).zero),
    )
    body = filled(
        _DENSE,
        name=name,
        pixels=PIXELS,
        tiles=tile_sums,
        scratch_tiles=scratch_tiles,
        made=MADE,
        points=POINTS,
        points_used=POINTS * PIXELS * (-(-shape.rows * inputs // TAPS) * TAPS),
        length=length,
        used=used,
        rows=rows,
        channels=channels,
        outputs=outputs,
        kind=numbers.kind,
        cast="" if numbers.kind == "int32_t" else f"({numbers.kind})",
        code=numbers.code("acc", f"{name}_shift[o]"),
        keep=numbers.stored("code"),
        stride=shape.stride,
        left=shape.margins[1],
    )
    scratch = PIXELS * length * 2 + PIXELS * channels * 4
    return writer.function(layer, body, tables, before), scratch, scratch_tiles


_BEFORE = """\
#ifndef MODEL_X86
{{ weights }}#endif
{% if functions %}
#ifdef MODEL_TILES
{{ functions }}#else
{{ gather }}#endif
{% else %}
{{ gather }}
{% endif %}
"""

_DENSE = """\
    int32_t *const restrict sums = (int32_t *)scratch;
{% if tiles %}
#ifdef MODEL_TILES
    int32_t *const products = sums + {{ pixels * made * channels }};
    operand_x *const a = (operand_x *)(void *)(products + {{ points * pixels * channels }});
    operand_x *const pixels = a + {{ points_used }};
    for (int32_t i = 0; i < {{ points_used }}; ++i) {
        a[i] = 0;
    }
    for (int32_t first = 0; first < made; first += {{ pixels * made }}) {
        const int32_t count = made - first < {{ pixels * made }} ? made - first : {{ pixels * made }};
{{ tiles }}#else
{% endif %}
    operand_x *const a = (operand_x *)(void *)(sums + {{ pixels * channels }});
    for (int32_t i = 0; i < {{ pixels * length }}; ++i) {
        a[i] = 0;
    }
    for (int32_t first = 0; first < made; first += {{ pixels }}) {
        const int32_t count = made - first < {{ pixels }} ? made - first : {{ pixels }};
        for (int32_t p = 0; p < count; ++p) {
            {{ name }}_gather(x0, width, (first + p) * {{ stride }} - {{ left }}, a + p * {{ length }});
        }
#ifdef MODEL_X86
        multiply_blocks(a, {{ length }}, {{ name }}_blocks, {{ used }}, sums, {{ channels }});
#else
        for (int32_t o = 0; o < {{ rows }}; o += ROWS) {
            for (int32_t p = 0; p < {{ pixels }}; p += BLOCK) {
                dot_{{ length }}(a + p * {{ length }}, {{ name }}_weights + o * {{ length }},
                    sums + p * {{ channels }} + o, {{ channels }});
            }
        }
#endif
{% if tiles %}
#endif
{% endif %}
        for (int32_t p = 0; p < count; ++p) {
            for (int32_t o = 0; o < {{ outputs }}; ++o) {
                const {{ kind }} acc =
                    {{ cast }}sums[p * {{ channels }} + o] + {{ name }}_bias[o];
                const {{ kind }} code = {{ code }};
                y[0][(first + p) * {{ outputs }} + o] = {{ keep }};
            }
        }
    }
"""
