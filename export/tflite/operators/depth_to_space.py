"""Channels to pixels in TensorFlow Lite."""

import numpy as np

from hwrts.export.depth_first import depth_first
from hwrts.export.tflite.moves import gathered
from hwrts.export.tflite.pixels import any_order, to_pixels
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import DepthToSpace


def write(writer: Writer, layer: DepthToSpace) -> None:
    """Of channels in the format's order, which the convolutions in front have, or a step on the way."""
    source, block, target = layer.source, layer.block, writer.tensor(layer.name)
    if source in writer.order:
        writer.rewritten.append(f"{source}: channels in the order of DEPTH_TO_SPACE, (i*R + j)*C + c")
        to_pixels(writer, source, target, block)
    elif any_order(writer, block):
        to_pixels(writer, source, target, block, np.arange(writer.network.channels[source]))
    else:
        order = depth_first(writer.network.channels[layer.name], block)
        to_pixels(writer, gathered(writer, source, f"{source}.depth_first", order), target, block)
