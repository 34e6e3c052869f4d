"""An addition in ONNX."""

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Add

FUSED = Fused(qdq="QLinearAdd", islands=("Add", "Sum"))
"""In integer operators an addition is a float operator on exact integers, by design."""


def qdq(writer: QdqWriter, layer: Add) -> None:
    """Add on real values."""
    writer.node("Add", [writer.real(source) for source in layer.sources], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Add) -> None:
    """Codes on the finer of both grids, added (eq. 6)."""
    writer.node("Add", writer.aligned(layer), f"{layer.name}.acc")
    writer.requantize(layer)
