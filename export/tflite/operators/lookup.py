"""A table in TensorFlow Lite."""

from hwrts.export.tflite.tables import looked_up
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Lookup


def write(writer: Writer, layer: Lookup) -> None:
    """GATHER: each code is the place of its entry."""
    looked_up(writer, layer.source, layer.name, layer.table_i16)
    writer.rewritten.append(f"{layer.name}: a table, by GATHER")
