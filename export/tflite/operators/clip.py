"""Limits of codes in TensorFlow Lite."""

from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Clip


def write(writer: Writer, layer: Clip) -> None:
    """The larger of a code and one limit, the smaller of that and the other."""
    out = writer.network.formats[layer.name]
    writer.limited(layer.source, writer.tensor(layer.name), out, layer.low, layer.high)
