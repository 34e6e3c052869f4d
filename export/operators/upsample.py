"""Interpolation in ONNX."""

import numpy as np
from onnx import TensorProto

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Upsample, upsample_taps

FUSED = Fused()
"""Nothing: it stays a float operator, which is exact (docs/arithmetic.md, section 8)."""

_RESIZE: dict[str, dict[str, object]] = {
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 0},
}
"""ONNX's Resize with exactly the taps of an Upsample."""


def qdq(writer: QdqWriter, layer: Upsample) -> None:
    """Resize on real values."""
    _resize(writer, layer, writer.real(layer.source), f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Upsample) -> None:
    """Resize on codes as float, times what makes the taps whole (eq. 17)."""
    name = layer.name
    real = writer.node("Cast", [writer.codes(layer.source, name)], f"{name}.float", to=TensorProto.FLOAT)
    pixels = _resize(writer, layer, real, f"{name}.pixels")
    taps_frac = 2 * upsample_taps(layer.kind, layer.factor)[1]
    units = writer.constant(f"{name}.units", np.array(1 << taps_frac, np.float32))
    units = writer.node("Mul", [pixels, units], f"{name}.sums")
    writer.node("Cast", [units], f"{name}.acc", to=TensorProto.INT32)
    writer.requantize(layer)


def _resize(writer: Writer, layer: Upsample, source: str, output: str) -> str:
    """The float operator of eq. 17, exact on what float32 holds of 8-bit codes."""
    inputs = [source, "", writer.factors(layer.name, layer.factor)]
    half_pixel = {"coordinate_transformation_mode": "half_pixel"}
    return writer.node("Resize", inputs, output, **half_pixel, **_RESIZE[layer.kind])
