"""A multiplication by a constant in TensorFlow Lite."""

from hwrts.export.tflite.tables import tabulated
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Scale


def write(writer: Writer, layer: Scale) -> None:
    """A table: no operator of the format rounds a product as all runtimes do."""
    writer.looked_up(layer.source, layer.name, tabulated(writer.network, layer))
    writer.rewritten.append(f"{layer.name}: Scale as a table, by GATHER")
