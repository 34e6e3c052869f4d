"""A multiplication by a constant in ONNX."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from hwrts.export.forms import Constants, Forms, Less, always
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.operators import conv
from hwrts.export.restated import RESTATED
from hwrts.fixed_point import Format, Layer, Network, Scale

FUSED = Fused(qdq="QLinearMul", wide=any_width)


def _around_zero(network: Network, layer: Scale, less: Less) -> Layer:
    """It has no bias, so it is said as a convolution."""
    (said,) = RESTATED[Scale](network, layer)
    return conv.FORMS.around_zero(network, said, less)


def _real_factor(
    layer: Scale, factor: NDArray[np.float32], nodes: Iterable[NodeProto], constants: Constants
) -> None:
    constants[f"{layer.name}.multiplier.real"] = factor


FORMS = Forms(_around_zero, always, half=True, real_numbers=_real_factor)

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
