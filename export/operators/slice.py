"""A slice of channels in ONNX."""

import numpy as np

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Slice

FUSED = Fused(wide=any_width)
"""Nothing of its own: the operator of the same name moves bytes as well."""
FORMS = MOVES


def qdq(writer: QdqWriter, layer: Slice) -> None:
    """A move of the codes themselves."""
    _move(writer, layer)


def integer(writer: IntegerWriter, layer: Slice) -> None:
    """A move of the codes themselves (eq. 25)."""
    _move(writer, layer)


def _move(writer: Writer, layer: Slice) -> None:
    limits = [
        writer.constant(f"{layer.name}.{what}", np.array([value], np.int64))
        for what, value in (("start", layer.start), ("stop", layer.stop), ("axis", 1))
    ]
    writer.moved("Slice", layer.source, limits, layer.name)
