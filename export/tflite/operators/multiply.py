"""A product of two tensors in TensorFlow Lite."""

from hwrts.export.tflite.schema import MUL
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Multiply


def write(writer: Writer, layer: Multiply) -> None:
    """MUL; one channel or pixel meets all others by the format's broadcasting."""
    writer.node(MUL, list(layer.sources), writer.wide(layer.name))
    writer.clipped(layer.name)
