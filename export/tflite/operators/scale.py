"""A multiplication by a constant in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.schema import DEPTHWISE_CONV_2D, VALID
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Scale


def write(writer: Writer, layer: Scale) -> None:
    """A depthwise convolution of one tap, so that it rounds as convolutions do: MUL has ways of its own."""
    name, source = layer.name, layer.source
    channels, frac = writer.network.channels[source], writer.network.formats[source].frac
    weight = np.full((1, 1, 1, channels), layer.multiplier, np.int8)
    grids = np.full(channels, layer.frac)
    inputs = [
        source,
        writer.coefficients(f"{name}.weight", weight, grids, 3),
        writer.coefficients(f"{name}.bias", np.zeros(channels, np.int32), grids + frac, 0),
    ]
    options = {"padding": VALID, "stride_w": 1, "stride_h": 1, "multiplier": 1}
    writer.node(DEPTHWISE_CONV_2D, inputs, writer.wide(name), **options)
    writer.clipped(name)
    writer.rewritten.append(f"{name}: Scale as a DEPTHWISE_CONV_2D of one tap")
