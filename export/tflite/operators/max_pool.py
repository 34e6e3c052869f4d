"""The largest code under a window in TensorFlow Lite."""

from hwrts.export.tflite.moves import is_same, padded
from hwrts.export.tflite.schema import MAX_POOL_2D, SAME, VALID
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import MaxPool


def write(writer: Writer, layer: MaxPool) -> None:
    """What lies outside is not looked at, or repeats the edge, which every window there holds anyway."""
    source, (rows, columns), shape = layer.source, layer.kernel, layer.shape
    same = is_same(shape, *writer.shape(source)[1:3])
    if not same:
        source = padded(writer, source, shape.margins, shape.padding)
    options = {"stride_w": layer.stride, "stride_h": layer.stride, "columns": columns, "rows": rows}
    padding = SAME if same else VALID
    writer.node(MAX_POOL_2D, [source], writer.tensor(layer.name), padding=padding, **options)
