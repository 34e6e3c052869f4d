"""The largest code of channels, or of a picture, in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.schema import REDUCE_MAX
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Maximum, Over


def write(writer: Writer, layer: Maximum) -> None:
    """REDUCE_MAX over one axis or two."""
    axes = writer.constant(f"{layer.name}.axes", np.array([3] if layer.over is Over.CHANNELS else [1, 2]))
    writer.node(REDUCE_MAX, [layer.source, axes], writer.tensor(layer.name), keep=1)
