"""Concatenation in TensorFlow Lite."""

from hwrts.export.tflite.islands import added, adds_natively
from hwrts.export.tflite.schema import ADD, CONCATENATION
from hwrts.export.tflite.writer import Writer
from hwrts.fixed_point import Concat

_CHANNELS = 3


def write(writer: Writer, layer: Concat) -> None:
    """Operands of another format are brought to that of the result first: runtimes join equal ones alone."""
    operands = [
        source if writer.network.formats[source] == layer.out else _regridded(writer, layer, source, number)
        for number, source in enumerate(layer.sources)
    ]
    writer.node(CONCATENATION, operands, writer.tensor(layer.name), axis=_CHANNELS)


def _regridded(writer: Writer, layer: Concat, source: str, number: int) -> str:
    """An operand in the format of the result, rounded as a sum is: 0 is added to it."""
    out, form, shape = layer.out, writer.network.formats[source], writer.shape(source)
    target = writer.codes(f"{layer.name}.operand{number}", out, shape)
    if not adds_natively([form], out):
        added(writer, layer, [source], target)
        return target
    zero = writer.one(f"{source}.zero", form, 0)
    if out.bits == 8:
        return writer.node(ADD, [source, zero], target)
    wide = writer.node(ADD, [source, zero], writer.like(target, f"{target}.wide", shape))
    return writer.limited(wide, target, out, out.min, out.max)
