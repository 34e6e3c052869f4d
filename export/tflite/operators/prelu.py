"""A leaky ReLU in TensorFlow Lite."""

from hwrts.export.tflite.tables import looked_up, tabulated
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import PRelu


def write(writer: Writer, layer: PRelu) -> None:
    """A table for each channel: the format's own PRELU rounds the two branches in ways of each runtime."""
    looked_up(writer, layer.source, layer.name, tabulated(writer.network, layer))
    writer.rewritten.append(f"{layer.name}: PRelu as a table for each channel, by GATHER")
