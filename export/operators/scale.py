"""A multiplication by a constant in ONNX."""

import numpy as np

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Format, Scale

FUSED = Fused(qdq="QLinearMul")

_STORED = Format(True, 8, 0)
"""The constant is a signed number, stored as activations are (eq. 11)."""


def qdq(writer: QdqWriter, layer: Scale) -> None:
    """Mul on real values; the constant is a stored byte, or runtimes would not fuse it."""
    name = f"{layer.name}.multiplier"
    stored = writer.options.stored
    zero = stored.zero_point(_STORED)
    code = writer.byte(name, layer.multiplier + zero, _STORED)
    factor = writer.dequantised(code, name, layer.frac, np.array(zero, stored.dtype(_STORED)))
    writer.node("Mul", [writer.real(layer.source), factor], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Scale) -> None:
    """Codes times the constant (eq. 15)."""
    writer.times(writer.codes(layer.source, layer.name), layer.multiplier, f"{layer.name}.acc")
    writer.requantize(layer)
