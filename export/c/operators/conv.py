"""Convolution in C: dot products of bytes where one group reads bytes, else sums of int32 or int64."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv, Padding

PIXELS, HALF, OUTPUTS = 12, 6, 2
"""Of a block of dot products, or of half of one where there are half as many registers: compilers keep its
sums there, and load each operand less often."""
_LANES = 32
"""Bytes that a dot product is a multiple of: one vector register of AVX2, two of NEON."""
_INT32 = 1 << 31


def write(writer: Writer, layer: Conv) -> Function:
    """The form that is quick where it is possible, else the plain one (eq. 2, 28)."""
    shape = layer.shape
    top = shape.margins[0]
    rows = tuple(row * shape.dilation - top for row in range(shape.rows))
    stored, weight = writer.stored(layer.source), layer.weight_i8.astype(np.int64)
    folded = layer.bias_i32.astype(np.int64) - stored.zero * weight.sum(axis=(1, 2, 3))  # (O,)
    largest = int(np.abs(weight).sum(axis=(1, 2, 3)).max()) * 255 + int(np.abs(folded).max())
    if layer.groups == 1 and stored.narrow and largest < _INT32:
        text, scratch = _dense(writer, layer, folded)
    else:
        text, scratch = _plain(writer, layer)
    return Function(text, rows, layer.padding, scratch)


def _dense(writer: Writer, layer: Conv, folded: NDArray[np.int64]) -> tuple[str, int]:
    """Windows of neighbouring pixels as rows of bytes, times the weights of neighbouring channels."""
    shape, numbers = layer.shape, writer.requantiser(layer)
    outputs, inputs = layer.weight_i8.shape[:2]
    taps = shape.rows * shape.columns * inputs
    length, channels = -(-taps // _LANES) * _LANES, -(-outputs // OUTPUTS) * OUTPUTS
    packed = np.zeros((channels, length), np.int8)
    packed[:outputs, :taps] = layer.weight_i8.transpose(0, 2, 3, 1).reshape(outputs, taps)  # (O, KH*KW*I)
    writer.dots.add(length)
    name = writer.names[layer.name]
    tables: list[tuple[str, str, list[int]]] = [
        ("operand_w", "weights", packed.ravel().tolist()),
        ("int32_t", "bias", folded.tolist()),
    ]
    if not numbers.uniform:
        tables.append(("int32_t", "shift", list(numbers.shifts)))
    values = {
        "name": name,
        "pixels": PIXELS,
        "step": OUTPUTS,
        "length": length,
        "taps": taps,
        "channels": channels,
        "outputs": outputs,
        "kind": numbers.kind,
        "cast": "" if numbers.kind == "int32_t" else f"({numbers.kind})",
        "code": numbers.code("acc", f"{name}_shift[o]"),
        "keep": numbers.stored("code"),
        "stride": shape.stride,
        "left": shape.margins[1],
    }
    before = gathering(writer, layer, "operand_x", "{}", writer.stored(layer.source).zero)
    text = writer.function(layer, filled(DENSE, **values), tables, before)
    return text, PIXELS * length * 2 + PIXELS * channels * 4


def _plain(writer: Writer, layer: Conv) -> tuple[str, int]:
    """A window of codes, and sums over the taps of each channel's group."""
    shape, numbers, name = layer.shape, writer.requantiser(layer), writer.names[layer.name]
    outputs, inputs = layer.weight_i8.shape[:2]
    taps, channels = shape.rows * shape.columns, layer.groups * inputs
    alone = inputs == 1 and outputs == layer.groups  # then neighbouring channels have neighbouring operands
    weight = layer.weight_i8.transpose(0, 2, 3, 1).reshape(outputs, taps, inputs)  # (O, KH*KW, I/G)
    weight = weight.transpose(1, 0, 2) if alone else weight
    tables: list[tuple[str, str, list[int]]] = [
        ("int8_t", "weights", weight.ravel().tolist()),
        ("int32_t", "bias", layer.bias_i32.tolist()),
    ]
    if not numbers.uniform:
        tables.append(("int32_t", "shift", list(numbers.shifts)))
    wide = "" if numbers.kind == "int32_t" else f"({numbers.kind})"
    values = {
        "name": name,
        "taps": taps,
        "channels": channels,
        "outputs": outputs,
        "inputs": inputs,
        "each": outputs // layer.groups,
        "kind": numbers.kind,
        "wide": wide,
        "code": numbers.code("acc", f"{name}_shift[o]"),
        "keep": numbers.stored("code"),
        "stride": shape.stride,
        "left": shape.margins[1],
        "alone": alone,
    }
    stored = writer.stored(layer.source)
    before = gathering(writer, layer, "int32_t", stored.code("{}"), 0)
    text = writer.function(layer, filled(PLAIN, **values), tables, before)
    return text, taps * channels * 4


def gathering(writer: Writer, layer: Conv, kind: str, code: str, zero: int) -> str:
    """The function that copies what one pixel reads: rows, then columns, then channels."""
    shape = layer.shape
    return filled(
        GATHER,
        name=writer.names[layer.name],
        source=writer.stored(layer.source).kind,
        kind=kind,
        rows=shape.rows,
        columns=shape.columns,
        inputs=writer.network.channels[layer.source],
        dilation=shape.dilation,
        reach=shape.reach[1],
        zeros=layer.padding is Padding.ZERO,
        mirrored=layer.padding is Padding.REFLECT,
        code=code.format("from[i]"),
        zero=zero,
    )


GATHER = """\
static void {{ name }}_gather(const {{ source }} *const *x, int32_t width, int32_t first,
    {{ kind }} *restrict a)
{
    for (int32_t row = 0; row < {{ rows }}; ++row) {
        {{ kind }} *const to = a + row * {{ columns * inputs }};
{% if zeros %}
        if (x[row] == NULL) {
            for (int32_t i = 0; i < {{ columns * inputs }}; ++i) {
                to[i] = {{ zero }};
            }
            continue;
        }
{% endif %}
{% if dilation == 1 %}
        if (first >= 0 && first + {{ reach }} < width) {
            const {{ source }} *const from = x[row] + first * {{ inputs }};
            for (int32_t i = 0; i < {{ columns * inputs }}; ++i) {
                to[i] = {{ code }};
            }
            continue;
        }
{% endif %}
        for (int32_t tap = 0; tap < {{ columns }}; ++tap) {
            {{ "const " if zeros }}int32_t column = first + tap * {{ dilation }};
{% if zeros %}
            if (column < 0 || column >= width) {
                for (int32_t i = 0; i < {{ inputs }}; ++i) {
                    to[tap * {{ inputs }} + i] = {{ zero }};
                }
                continue;
            }
{% elif mirrored %}
            column = column < 0 ? -column : column;
            column = column < width ? column : 2 * (width - 1) - column;
{% else %}
            column = column < 0 ? 0 : column < width ? column : width - 1;
{% endif %}
            const {{ source }} *const from = x[row] + column * {{ inputs }};
            for (int32_t i = 0; i < {{ inputs }}; ++i) {
                to[tap * {{ inputs }} + i] = {{ code }};
            }
        }
    }
}
"""

DENSE = """\
    int32_t *const restrict sums = (int32_t *)scratch;
    operand_x *const a = (operand_x *)(void *)(sums + {{ pixels * channels }});
    for (int32_t i = 0; i < {{ pixels * length }}; ++i) {
        a[i] = 0;
    }
    for (int32_t first = 0; first < made; first += {{ pixels }}) {
        const int32_t count = made - first < {{ pixels }} ? made - first : {{ pixels }};
        for (int32_t p = 0; p < count; ++p) {
            {{ name }}_gather(x0, width, (first + p) * {{ stride }} - {{ left }}, a + p * {{ length }});
        }
        for (int32_t o = 0; o < {{ channels }}; o += {{ step }}) {
            for (int32_t p = 0; p < {{ pixels }}; p += BLOCK) {
                dot_{{ length }}(a + p * {{ length }}, {{ name }}_weights + o * {{ length }},
                    sums + p * {{ channels }} + o, {{ channels }});
            }
        }
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

PLAIN = """\
    int32_t *const restrict a = (int32_t *)scratch;
    for (int32_t p = 0; p < made; ++p) {
        {{ name }}_gather(x0, width, p * {{ stride }} - {{ left }}, a);
        for (int32_t o = 0; o < {{ outputs }}; ++o) {
            {{ kind }} acc = {{ name }}_bias[o];
            for (int32_t tap = 0; tap < {{ taps }}; ++tap) {
{% if alone %}
                acc += {{ wide }}a[tap * {{ channels }} + o] * {{ name }}_weights[tap * {{ outputs }} + o];
{% else %}
                for (int32_t i = 0; i < {{ inputs }}; ++i) {
                    acc += {{ wide }}a[tap * {{ channels }} + o / {{ each }} * {{ inputs }} + i] *
                           {{ name }}_weights[(o * {{ taps }} + tap) * {{ inputs }} + i];
                }
{% endif %}
            }
            const {{ kind }} code = {{ code }};
            y[0][p * {{ outputs }} + o] = {{ keep }};
        }
    }
"""
