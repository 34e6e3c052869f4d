"""Convolution in C: dot products of bytes where one group reads bytes, else sums of int32 or int64."""

import numpy as np

from hwrts.export.c.dense import dense
from hwrts.export.c.function import Function, Writer
from hwrts.export.c.gather import gathering
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv

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
        text, scratch, tiles = dense(writer, layer, folded, largest)
        return Function(text, rows, layer.padding, scratch, tiles)
    text, scratch = _plain(writer, layer)
    return Function(text, rows, layer.padding, scratch)


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
