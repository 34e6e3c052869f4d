"""A clip in ONNX."""

import numpy as np

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Clip

FUSED = Fused()
"""Nothing of its own: Clip takes bytes as well. Of real values it would keep a layer in float."""


def qdq(writer: QdqWriter, layer: Clip) -> None:
    """A clip of the stored bytes, or of real values where moves are and ONNX Runtime computes it."""
    real = writer.options.moves_in_real and writer.keeps_clip(layer.source, layer.low, layer.high)
    if not real:
        _clip(writer, layer)
        return
    source = writer.network.formats[layer.source]
    if layer.low == 0 and layer.high == source.max:
        writer.moved("Relu", layer.source, [], layer.name)
        return
    limits = [
        writer.constant(f"{layer.name}.{end}", np.array(np.ldexp(float(code), -source.frac), np.float32))
        for end, code in (("low", layer.low), ("high", layer.high))
    ]
    writer.moved("Clip", layer.source, limits, layer.name)


def integer(writer: IntegerWriter, layer: Clip) -> None:
    """A clip of the stored bytes (eq. 27)."""
    _clip(writer, layer)


def _clip(writer: Writer, layer: Clip) -> None:
    source = writer.network.formats[layer.source]
    zero = writer.zero_point(source)
    limits = [
        writer.byte(f"{layer.name}.{end}", code + zero, source)
        for end, code in (("low", layer.low), ("high", layer.high))
    ]
    writer.node("Clip", [layer.source, *limits], layer.name)
