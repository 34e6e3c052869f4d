"""The largest code under a window in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.moves import is_same
from hwrts.export.tflite.schema import MAX_POOL_2D, PADV2, SAME, VALID
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import MaxPool


def write(writer: Writer, layer: MaxPool) -> None:
    """What lies outside is not looked at, or is the smallest stored code."""
    source, (rows, columns), shape = layer.source, layer.kernel, layer.shape
    top, left, bottom, right = shape.margins
    padding = SAME if is_same(shape, *writer.shape(source)[1:3]) else VALID
    if padding == VALID and any(shape.margins):
        _, height, width, channels = writer.shape(source)
        pads = writer.constant(f"{layer.name}.pads", np.array([[0, 0], [top, bottom], [left, right], [0, 0]]))
        out = writer.network.formats[source]
        lowest = writer.codes(f"{layer.name}.lowest", out, (1,), np.array([-128], np.int8))
        padded = (1, height + top + bottom, width + left + right, channels)
        target = writer.codes(f"{layer.name}.padded", out, padded)
        source = writer.node(PADV2, [source, pads, lowest], target)
    options = {"stride_w": layer.stride, "stride_h": layer.stride, "columns": columns, "rows": rows}
    writer.node(MAX_POOL_2D, [source], writer.tensor(layer.name), padding=padding, **options)
