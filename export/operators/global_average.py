"""A mean over the whole picture in ONNX."""

from typing import assert_never

import numpy as np
from onnx import NodeProto, TensorProto, helper

from hwrts.export.forms import Constants, Forms, Functions, RealNodes, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.whole_numbers import WholeNumbers
from hwrts.fixed_point import Along, GlobalAverage, Rounding

FUSED = Fused()
"""Nothing is to be fused: it is made of whole numbers, and stays that."""


def _of_picture(layer: GlobalAverage, functions: Functions) -> bool:
    return layer.along is Along.PICTURE


def _pool(
    layer: GlobalAverage, functions: Functions, real: str, node: NodeProto
) -> tuple[list[NodeProto], Constants]:
    return [helper.make_node("GlobalAveragePool", [real], node.output, name=node.name)], {}


FORMS = Forms(
    not_around_zero,
    _of_picture,
    real_nodes=RealNodes("", _pool),
    instead="train a network without it",
    own_rule=True,
)


def qdq(writer: QdqWriter, layer: GlobalAverage) -> None:
    """In whole numbers: a mean in float, and QLinearGlobalAveragePool, round before they round."""
    _mean(writer, layer)


def integer(writer: IntegerWriter, layer: GlobalAverage) -> None:
    """Sum, division with rounding, saturation, in int64 (eq. 36)."""
    _mean(writer, layer)


def _mean(writer: Writer, layer: GlobalAverage) -> None:
    whole = WholeNumbers(writer, layer.name)
    source, out = writer.network.formats[layer.source], layer.out
    numerator, pixels = _sum_and_pixels(whole, layer, writer.zero_point(source))
    finer = out.frac - source.frac
    numerator = whole("Mul", numerator, 1 << max(finer, 0))
    denominator = whole("Mul", pixels, 1 << max(-finer, 0))
    lowest = -(source.min << max(finer, 0) >> max(-finer, 0)) + 1  # means plus that are above 0
    codes = _divided(whole, numerator, denominator, lowest + lowest % 2, writer.network.rule_of(layer))
    codes = whole("Min", whole("Max", codes, out.min), out.max)
    stored = whole("Add", codes, writer.zero_point(out))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(writer.options.stored.dtype(out)))
    if layer.along is Along.PICTURE:
        writer.node("Cast", [stored], layer.name, to=kind)
        return
    means = writer.node("Cast", [stored], f"{layer.name}.means", to=kind)
    writer.node("Expand", [means, whole("Shape", layer.source)], layer.name)


def _sum_and_pixels(whole: WholeNumbers, layer: GlobalAverage, zero: int) -> tuple[str, str]:
    """The sum of all codes (N, C, 1, 1), (N, C, H, 1) or (N, C, 1, W), and how many they are.

    Rows are added up in int32, which is exact below 8 million columns, and halves the memory.
    """
    source = layer.source
    stored = whole("Cast", source, to=TensorProto.INT32)
    axes = {Along.PICTURE: (3, 2), Along.ROWS: (3,), Along.COLUMNS: (2,)}[layer.along]
    total = stored
    for axis in axes:
        total = whole("ReduceSum", total, whole.constant(axis, shape=(1,)), keepdims=1)
        if axis == axes[0]:
            total = whole("Cast", total, to=TensorProto.INT64)
    pixels = whole("Div", whole("Size", source), whole("Size", total))  # whatever the order of the axes
    return (whole("Sub", total, whole("Mul", pixels, zero)) if zero else total), pixels


def _divided(whole: WholeNumbers, numerator: str, denominator: str, lift: int, rounding: Rounding) -> str:
    """The quotient, rounded once.

    ONNX's Div of whole numbers drops what is behind the point, so they are made positive first, by an even
    number that is added to the quotient and subtracted again.
    """
    if rounding in (Rounding.HALF_AWAY, Rounding.DOUBLE):
        twice = whole("Add", whole("Mul", whole("Abs", numerator), 2), denominator)
        size = whole("Div", twice, whole("Mul", denominator, 2))
        return whole("Mul", size, whole("Sign", numerator))
    lifted = whole("Add", numerator, whole("Mul", denominator, lift))
    match rounding:
        case Rounding.FLOOR:
            found = whole("Div", lifted, denominator)
        case Rounding.HALF_UP:
            found, *_ = _tie_upward(whole, lifted, denominator)
        case Rounding.HALF_EVEN:
            found, twice, twice_denominator = _tie_upward(whole, lifted, denominator)
            rest = whole("Sub", twice, whole("Mul", found, twice_denominator))  # 0 at a tie
            tie = whole("Sub", 1, whole("Sign", rest))
            odd = whole("Sub", found, whole("Mul", whole("Div", found, 2), 2))
            found = whole("Sub", found, whole("Mul", tie, odd))
        case _:
            assert_never(rounding)
    return whole("Sub", found, lift)


def _tie_upward(whole: WholeNumbers, numerator: str, denominator: str) -> tuple[str, str, str]:
    """The nearest whole number, and the numerator and denominator, both twice, that it is made of."""
    twice = whole("Add", whole("Mul", numerator, 2), denominator)
    twice_denominator = whole("Mul", denominator, 2)
    return whole("Div", twice, twice_denominator), twice, twice_denominator
