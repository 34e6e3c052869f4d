"""Pixel repetition in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.pixels import repeated
from hwrts.export.tflite.schema import RESIZE_NEAREST_NEIGHBOR
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import Repeat

_ENLARGED_BY_ETHOS_U = (2, 4, 8)
"""Factors of which its compiler takes the operator itself."""


def write(writer: Writer, layer: Repeat) -> None:
    """The nearest pixel, with pixels' centres at halves: converters get the other convention wrong."""
    factor, name = layer.factor, layer.name
    if writer.flavour is Flavour.ETHOS_U and factor not in _ENLARGED_BY_ETHOS_U:
        repeated(writer, layer.source, writer.tensor(name), factor)
        return
    size = writer.constant(f"{name}.size", np.array(writer.shape(name)[1:3]))
    writer.node(RESIZE_NEAREST_NEIGHBOR, [layer.source, size], writer.tensor(name), half_pixel=1)
