"""Pixels to channels in TensorFlow Lite."""

import numpy as np

from hwrts.export.depth_first import depth_first
from hwrts.export.tflite.moves import convolved, gathered
from hwrts.export.tflite.schema import SPACE_TO_DEPTH
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import SpaceToDepth


def write(writer: Writer, layer: SpaceToDepth) -> None:
    """In the format's order, then in ours; for Ethos-U by a convolution that moves codes."""
    block, name, source = layer.block, layer.name, layer.source
    channels = writer.network.channels[source]
    if writer.flavour is Flavour.ETHOS_U:
        taps = np.eye(channels * block**2, dtype=np.int8).reshape(-1, channels, block, block)
        convolved(writer, source, writer.tensor(name), taps.transpose(0, 2, 3, 1), stride=block)
        writer.rewritten.append(f"{name}: SPACE_TO_DEPTH as a CONV_2D that moves codes")
        return
    moved = writer.codes(f"{name}.depth_first", writer.network.formats[name], writer.shape(name))
    writer.node(SPACE_TO_DEPTH, [source], moved, block=block)
    order = np.argsort(depth_first(channels, block))
    gathered(writer, moved, name, order)
