"""Channels in another order in TensorFlow Lite."""

from hwrts.export.tflite.moves import gathered
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Reorder


def write(writer: Writer, layer: Reorder) -> None:
    """GATHER of channels, or a convolution that moves codes."""
    gathered(writer, layer.source, layer.name, layer.order_i32)
