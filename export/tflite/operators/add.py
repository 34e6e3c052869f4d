"""A sum or difference in TensorFlow Lite."""

from hwrts.export.tflite.islands import added, adds_natively
from hwrts.export.tflite.schema import ADD, SUB
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Add


def write(writer: Writer, layer: Add) -> None:
    """Operands of any grids; one channel or pixel meets all others by the format's broadcasting."""
    if not adds_natively(writer.network.formats_of(layer.sources), layer.out):
        added(writer, layer, layer.sources, writer.tensor(layer.name), negated=layer.negated)
        return
    writer.node(SUB if layer.negated else ADD, list(layer.sources), writer.wide(layer.name))
    writer.clipped(layer.name)
