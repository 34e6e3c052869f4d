"""A leaky ReLU in ONNX."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from hwrts.export.forms import Constants, Forms, always, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import PRelu

FUSED = Fused(wide=any_width)
"""Nothing: it stays a float operator, which is exact (docs/arithmetic.md, section 8)."""


def _real_slopes(
    layer: PRelu, slopes: NDArray[np.float32], nodes: Iterable[NodeProto], constants: Constants
) -> None:
    constants[f"{layer.name}.slope.real"] = slopes.reshape(-1, 1, 1)


FORMS = Forms(not_around_zero, always, real_numbers=_real_slopes)


def qdq(writer: QdqWriter, layer: PRelu) -> None:
    """PRelu on real values."""
    name = f"{layer.name}.slope"
    codes = writer.constant(name, layer.slope_i8.reshape(-1, 1, 1))  # (C, 1, 1)
    slope = writer.dequantised(codes, name, layer.slope_frac, np.array(0, np.int8))
    writer.node("PRelu", [writer.real(layer.source), slope], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: PRelu) -> None:
    """Codes above zero shifted, those below times the slopes (eq. 16)."""
    name = layer.name
    codes = writer.codes(layer.source, name)
    zero = writer.constant(f"{name}.none", np.array(0, np.int32))
    above = writer.node("Max", [codes, zero], f"{name}.above")
    above = writer.times(above, 1 << layer.slope_frac, f"{name}.shifted")
    slope = writer.constant(f"{name}.slope", layer.slope_i8.astype(np.int32).reshape(-1, 1, 1))  # (C, 1, 1)
    below = writer.node("Mul", [writer.node("Min", [codes, zero], f"{name}.below"), slope], f"{name}.leak")
    writer.node("Add", [above, below], f"{name}.acc")
    writer.requantize(layer)
