"""Depth-to-space in ONNX."""

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import DepthToSpace

FUSED = Fused()
"""Nothing of its own: the operator of the same name moves bytes as well."""


def qdq(writer: QdqWriter, layer: DepthToSpace) -> None:
    """A move of real values; the same scale on both sides, or a float island appears."""
    writer.node("DepthToSpace", [writer.real(layer.source)], f"{layer.name}.exact", **_moved(layer))
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: DepthToSpace) -> None:
    """A move of the codes themselves (eq. 7)."""
    writer.node("DepthToSpace", [layer.source], layer.name, **_moved(layer))


def _moved(layer: DepthToSpace) -> dict[str, object]:
    return {"blocksize": layer.block, "mode": "CRD"}
