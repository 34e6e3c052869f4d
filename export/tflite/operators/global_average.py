"""The mean over a picture in TensorFlow Lite: there is none that is exact."""

from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import GlobalAverage


def write(writer: Writer, layer: GlobalAverage) -> None:
    """Refused.

    Raises:
        HwrtsError: Always: runtimes divide by a rounded reciprocal.
    """
    raise writer.refused(
        layer, "runtimes compute means by a rounded reciprocal, which is not exact; export it as onnx"
    )
