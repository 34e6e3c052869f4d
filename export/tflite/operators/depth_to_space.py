"""Channels to pixels in TensorFlow Lite."""

import numpy as np

from hwrts.export.tflite.channels import depth_first
from hwrts.export.tflite.moves import gathered, spread_out
from hwrts.export.tflite.schema import DEPTH_TO_SPACE
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import DepthToSpace


def write(writer: Writer, layer: DepthToSpace) -> None:
    """Of channels in the format's order; for Ethos-U, which does not have it, by a transposed convolution."""
    channels, block, name = writer.network.channels[layer.name], layer.block, layer.name
    if writer.flavour is Flavour.ETHOS_U:
        deep = channels * block**2
        taps = np.eye(deep, dtype=np.int8).reshape(channels, block, block, deep)  # 1 for channel (c, i, j)
        spread_out(writer, layer.source, writer.tensor(name), taps)
        writer.rewritten.append(f"{name}: DEPTH_TO_SPACE as a TRANSPOSE_CONV that moves codes")
        return
    source = layer.source
    if source not in writer.order:
        source = gathered(writer, source, f"{source}.depth_first", depth_first(channels, block))
    else:
        writer.rewritten.append(f"{source}: channels in the order of DEPTH_TO_SPACE, (i*R + j)*C + c")
    writer.node(DEPTH_TO_SPACE, [source], writer.tensor(name), block=block)
