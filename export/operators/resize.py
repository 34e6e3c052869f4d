"""Resizing to any size in ONNX: taps from the sizes in int64, rows and columns by Gather, sums in int32."""

from typing import assert_never

import numpy as np
from onnx import TensorProto

from hwrts.export.forms import Forms, never, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.whole_numbers import WholeNumbers
from hwrts.fixed_point import Places, Resize
from hwrts.fixed_point.operators.resize import FRACTION

FUSED = Fused(floats=lambda network, layer: ("Mul",))
"""Nothing: ONNX's Resize weighs in float32, by weights that it rounds itself; its sums are whole here."""
FORMS = Forms(not_around_zero, never, instead="enlarge by a whole factor")

_ROWS, _COLUMNS = 2, 3
"""Axes of (N, C, H, W)."""


def qdq(writer: QdqWriter, layer: Resize) -> None:
    """Whole sums, as real values behind one product with a power of two, which float32 holds."""
    name, frac = layer.name, layer.acc_frac(writer.network.formats[layer.sources[0]])
    sums = _sums(writer, layer, f"{name}.acc.whole0")
    real = writer.node("Cast", [sums], f"{name}.sums", to=TensorProto.FLOAT)
    scale = writer.constant(f"{name}.lsb", np.array(np.ldexp(1.0, -frac), np.float32))
    writer.node("Mul", [real, scale], f"{name}.exact")
    writer.quantize(name)


def integer(writer: IntegerWriter, layer: Resize) -> None:
    """Whole sums (eq. 42)."""
    _sums(writer, layer, f"{layer.name}.acc")
    writer.requantize(layer)


def _sums(writer: Writer, layer: Resize, output: str) -> str:
    """The accumulators (N, C, H', W'), in int32."""
    name, source = layer.name, layer.sources[0]
    wide = writer.node("Cast", [source], f"{name}.int32", to=TensorProto.INT32)
    zero = writer.constant(
        f"{name}.source_zero", np.array(writer.zero_point(writer.network.formats[source]), np.int32)
    )
    codes = writer.node("Sub", [wide, zero], f"{name}.codes")
    whole = WholeNumbers(writer, name)
    rows = _along(writer, whole, layer, codes, _ROWS, f"{name}.rows.whole0")
    return _along(writer, whole, layer, rows, _COLUMNS, output)


def _along(writer: Writer, whole: WholeNumbers, layer: Resize, x: str, axis: int, output: str) -> str:
    """Two rows, or columns, of each place and what they weigh."""
    size = _side(whole, layer.sources[0], axis)
    made = _side(whole, layer.sources[1], axis) if layer.factor is None else whole("Mul", size, layer.factor)
    at, last = _at(whole, layer.places, size, made), whole("Sub", size, 1)
    at = whole("Min", at, whole("Mul", last, 1 << FRACTION))
    first = whole("Div", at, 1 << FRACTION)
    weight = whole("Sub", at, whole("Mul", first, 1 << FRACTION))
    second = whole("Min", whole("Add", first, 1), last)
    products = []
    for rows, factor in ((first, whole("Sub", 1 << FRACTION, weight)), (second, weight)):
        factors = whole("Reshape", factor, whole.constant(-1, *[1] * (_COLUMNS - axis), shape=(-1,)))
        taken = whole("Gather", x, rows, axis=axis)
        products.append(whole("Mul", taken, whole("Cast", factors, to=TensorProto.INT32)))
    return writer.node("Add", products, output)


def _side(whole: WholeNumbers, tensor: str, axis: int) -> str:
    """Rows or columns of a tensor, a number."""
    return whole("Gather", whole("Shape", tensor), axis, axis=0)


def _at(whole: WholeNumbers, places: Places, size: str, made: str) -> str:
    """Places in 1/128 of a pixel, before they end at the last."""
    new = whole("Range", 0, made, 1)
    match places:
        case Places.CENTRES:
            centre = whole("Add", whole("Mul", new, 2), 1)
            numerator = whole("Max", whole("Sub", whole("Mul", centre, size), made), 0)
            denominator = whole("Mul", made, 2)
        case Places.CORNERS:
            numerator = whole("Mul", new, whole("Sub", size, 1))
            denominator = whole("Max", whole("Sub", made, 1), 1)
        case Places.NEAREST:
            return whole("Mul", whole("Div", whole("Mul", new, size), made), 1 << FRACTION)
        case _:
            assert_never(places)
    twice = whole("Add", whole("Mul", numerator, 2 << FRACTION), denominator)
    return whole("Div", twice, whole("Mul", denominator, 2))
