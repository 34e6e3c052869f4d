"""Max pooling in ONNX."""

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width, is_wide
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import MaxPool, Padding

FUSED = Fused(wide=any_width)
"""Nothing of its own: MaxPool compares bytes as well, and floats, which hold more bits exactly."""
FORMS = MOVES


def qdq(writer: QdqWriter, layer: MaxPool) -> None:
    """The largest stored bytes: a zero point changes no order."""
    _compare(writer, layer)


def integer(writer: IntegerWriter, layer: MaxPool) -> None:
    """The largest stored bytes (eq. 30)."""
    _compare(writer, layer)


def _compare(writer: Writer, layer: MaxPool) -> None:
    source, pads = layer.source, list(layer.pads)
    if layer.stride == 1 and any(pads) and not is_wide(writer.network, layer):
        # onnx.reference pads these with a NaN, which is no byte; a repeated edge changes no maximum
        source, pads = writer.padded(source, layer.pads, Padding.REPLICATE), [0] * 4
    shape = {"kernel_shape": list(layer.kernel), "strides": [layer.stride] * 2, "pads": pads}
    writer.moved("MaxPool", source, [], layer.name, like=layer.source, **shape)
