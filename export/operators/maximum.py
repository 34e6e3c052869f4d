"""A maximum over channels or over the picture in ONNX."""

from typing import Any

import numpy as np

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Maximum, Over

FUSED = Fused()
"""Nothing of its own: ReduceMax compares bytes as well."""
FORMS = MOVES

_AXES = {Over.CHANNELS: [1], Over.PICTURE: [2, 3], Over.ROWS: [3], Over.COLUMNS: [2]}
"""Of (N, C, H, W)."""

_AXES_AS_INPUT = 18
"""The opset since which ReduceMax has its axes so; before it they are an attribute."""


def qdq(writer: QdqWriter, layer: Maximum) -> None:
    """The largest stored bytes: a zero point changes no order."""
    _compare(writer, layer)


def integer(writer: IntegerWriter, layer: Maximum) -> None:
    """The largest stored bytes (eq. 37)."""
    _compare(writer, layer)


def _compare(writer: Writer, layer: Maximum) -> None:
    axes, said = list(_AXES[layer.over]), dict[str, Any]()
    if writer.options.opset < _AXES_AS_INPUT:
        constants, said = [], {"axes": axes}
    else:
        constants = [writer.constant(f"{layer.name}.axes", np.array(axes, np.int64))]
    if layer.over in (Over.CHANNELS, Over.PICTURE):
        writer.moved("ReduceMax", layer.source, constants, layer.name, keepdims=1, **said)
        return
    largest = writer.moved(
        "ReduceMax", layer.source, constants, f"{layer.name}.largest", like=layer.source, keepdims=1, **said
    )
    size = writer.node("Shape", [layer.source], f"{layer.name}.size.whole0")
    writer.moved("Expand", largest, [size], layer.name, like=layer.source)
