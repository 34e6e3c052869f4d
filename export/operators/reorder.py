"""Channels in another order in ONNX."""

import numpy as np

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Reorder

FUSED = Fused(qdq="Gather", integer="Gather", wide=any_width)
"""Nothing is to be fused: Gather moves bytes as well."""
FORMS = MOVES


def qdq(writer: QdqWriter, layer: Reorder) -> None:
    """A move of the codes themselves."""
    _move(writer, layer)


def integer(writer: IntegerWriter, layer: Reorder) -> None:
    """A move of the codes themselves (eq. 25b)."""
    _move(writer, layer)


def _move(writer: Writer, layer: Reorder) -> None:
    order = writer.constant(f"{layer.name}.order", layer.order_i32.astype(np.int64))
    writer.moved("Gather", layer.source, [order], layer.name, axis=1)
