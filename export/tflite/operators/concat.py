"""Concatenation in TensorFlow Lite."""

from hwrts.export.tflite.schema import CONCATENATION
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Concat

_CHANNELS = 3


def write(writer: Writer, layer: Concat) -> None:
    """Operands of another format are brought to that of the result first: runtimes join equal ones alone."""
    name, network = layer.name, writer.network
    out, operands = network.formats[name], []
    for number, source in enumerate(layer.sources):
        if network.formats[source] != out:
            shape = writer.shape(source)
            source = writer.regridded(source, f"{name}.operand{number}", out, shape)
            if out.bits < 8:
                target = writer.like(source, f"{name}.limited{number}", shape)
                source = writer.limited(source, target, out, out.min, out.max)
        operands.append(source)
    writer.node(CONCATENATION, operands, writer.tensor(name), axis=_CHANNELS)
