"""Some of the channels in TensorFlow Lite."""

from hwrts.export.tflite.moves import channels_of
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Slice


def write(writer: Writer, layer: Slice) -> None:
    """SLICE along the channels."""
    channels_of(writer, layer.source, writer.tensor(layer.name), layer.start, layer.stop)
