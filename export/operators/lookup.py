"""A table in ONNX."""

import numpy as np
from onnx import TensorProto

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Lookup

FUSED = Fused(qdq="Gather", integer="Gather")
"""Nothing is to be fused: the table is read with the stored bytes themselves."""

_BYTES = 256
"""Entries of the stored table: one for each byte that there is, so that a byte is an index as it stands."""


def qdq(writer: QdqWriter, layer: Lookup) -> None:
    """An entry for each stored byte."""
    _gather(writer, layer)


def integer(writer: IntegerWriter, layer: Lookup) -> None:
    """An entry for each stored byte (eq. 26)."""
    _gather(writer, layer)


def _gather(writer: Writer, layer: Lookup) -> None:
    source = writer.network.formats[layer.source]
    base = -int(np.iinfo(writer.options.stored.dtype(source)).min)
    codes = (
        np.arange(_BYTES) - base - writer.zero_point(source)
    )  # of the bytes; of narrower formats some are no codes
    entries = layer.table_i16[np.clip(codes, source.min, source.max) - source.min]
    stored = (entries + writer.zero_point(layer.out)).astype(writer.options.stored.dtype(layer.out))
    index = writer.node("Cast", [layer.source], f"{layer.name}.index", to=TensorProto.INT32)
    if base:  # the lowest byte is entry 0
        offset = writer.constant(f"{layer.name}.base", np.array(base, np.int32))
        index = writer.node("Add", [index, offset], f"{layer.name}.entry")
    writer.node("Gather", [writer.constant(f"{layer.name}.table", stored), index], layer.name, axis=0)
