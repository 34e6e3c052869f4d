"""Pixel repetition in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.moves import spread_out
from hwrts.export.tflite.schema import RESIZE_NEAREST_NEIGHBOR
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import Repeat

_ENLARGED_BY_ETHOS_U = (2, 4, 8)
"""Factors of which its compiler takes the operator itself."""


def write(writer: Writer, layer: Repeat) -> None:
    """The nearest pixel, with pixels' centres at halves: converters get the other convention wrong."""
    factor, name = layer.factor, layer.name
    if writer.flavour is Flavour.ETHOS_U and factor not in _ENLARGED_BY_ETHOS_U:
        channels = writer.network.channels[name]
        each = np.eye(channels, dtype=np.int8)[:, None, None]  # (C, 1, 1, C)
        spread_out(writer, layer.source, writer.tensor(name), np.tile(each, (1, factor, factor, 1)))
        writer.rewritten.append(f"{name}: repetition as a TRANSPOSE_CONV of ones")
        return
    size = writer.constant(f"{name}.size", np.array(writer.shape(name)[1:3]))
    writer.node(RESIZE_NEAREST_NEIGHBOR, [layer.source, size], writer.tensor(name), half_pixel=1)
