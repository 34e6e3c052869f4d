"""An addition or a subtraction in ONNX."""

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Add, Network


def _subtracts(network: Network, layer: Add) -> bool:
    """ONNX Runtime has no integer subtraction: Sub stays a float operator, which is exact (section 8)."""
    return layer.negated


FUSED = Fused(qdq="QLinearAdd", islands=("Add", "Sum"), unfused=_subtracts)
"""In integer operators an addition is a float operator on exact integers, by design."""


def qdq(writer: QdqWriter, layer: Add) -> None:
    """Add or Sub on real values."""
    writer.node(_operator(layer), [writer.real(source) for source in layer.sources], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Add) -> None:
    """Codes on the finer of both grids, added or subtracted (eq. 6, 32)."""
    writer.node(_operator(layer), writer.aligned(layer), f"{layer.name}.acc")
    writer.requantize(layer)


def _operator(layer: Add) -> str:
    return "Sub" if layer.negated else "Add"
