"""The largest code of channels, of a picture, or of its rows or columns, in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.schema import GATHER, REDUCE_MAX
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Maximum, Over

_AXES = {Over.CHANNELS: [3], Over.PICTURE: [1, 2], Over.ROWS: [2], Over.COLUMNS: [1]}
"""Of (1, H, W, C)."""


def write(writer: Writer, layer: Maximum) -> None:
    """REDUCE_MAX; that of a row or column once for each of its pixels."""
    name, axes = layer.name, _AXES[layer.over]
    inputs = [layer.source, writer.constant(f"{name}.axes", np.array(axes))]
    if layer.over in (Over.CHANNELS, Over.PICTURE):
        writer.node(REDUCE_MAX, inputs, writer.tensor(name), keep=1)
        return
    shape = list(writer.shape(name))
    first = writer.constant(f"{name}.first", np.zeros(shape[axes[0]], np.int32))
    shape[axes[0]] = 1
    largest = writer.like(layer.source, f"{name}.largest", tuple(shape))
    writer.node(REDUCE_MAX, inputs, largest, keep=1)
    writer.node(GATHER, [largest, first], writer.tensor(name), axis=axes[0])
