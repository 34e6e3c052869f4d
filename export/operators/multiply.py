"""A product of two tensors in ONNX."""

from hwrts.export.forms import Forms, always, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Multiply

FUSED = Fused(qdq="QLinearMul", islands=("Mul",), wide=any_width)
FORMS = Forms(not_around_zero, always)


def qdq(writer: QdqWriter, layer: Multiply) -> None:
    """Mul on real values; one channel meets all others by ONNX's broadcasting."""
    writer.node("Mul", [writer.real(source) for source in layer.sources], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Multiply) -> None:
    """Products of codes (eq. 24)."""
    operands = [writer.codes(source, f"{layer.name}.operand{i}") for i, source in enumerate(layer.sources)]
    writer.node("Mul", operands, f"{layer.name}.acc")
    writer.requantize(layer)
