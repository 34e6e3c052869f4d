"""A sum or difference in TensorFlow Lite."""

from hwrts.export.tflite.schema import ADD, SUB
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Add


def write(writer: Writer, layer: Add) -> None:
    """Operands of any grids; one channel or pixel meets all others by the format's broadcasting."""
    writer.node(SUB if layer.negated else ADD, list(layer.sources), writer.wide(layer.name))
    writer.clipped(layer.name)
