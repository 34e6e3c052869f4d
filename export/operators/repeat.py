"""Pixel repetition in ONNX."""

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Repeat

FUSED = Fused(wide=any_width)
"""Nothing of its own: Resize moves bytes as well."""
FORMS = MOVES


def qdq(writer: QdqWriter, layer: Repeat) -> None:
    """A move of the codes themselves."""
    _move(writer, layer)


def integer(writer: IntegerWriter, layer: Repeat) -> None:
    """A move of the codes themselves (eq. 8)."""
    _move(writer, layer)


def _move(writer: Writer, layer: Repeat) -> None:
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    constants = ["", writer.factors(layer.name, layer.factor)]
    writer.moved("Resize", layer.source, constants, layer.name, **nearest)
