"""A table in ONNX."""

from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto

from hwrts.export.float_functions import has_form, written
from hwrts.export.forms import Constants, Forms, Functions, Less, RealNodes, signed
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width, is_wide
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.qdq_options import Stored
from hwrts.fixed_point import Layer, Lookup, Network

FUSED = Fused(qdq="Gather", integer="Gather", wide=any_width)
"""Nothing is to be fused: the table is read with the stored bytes themselves, or with the codes."""


def _around_zero(network: Network, layer: Lookup, less: Less) -> Layer:
    """The smallest code has the first entry, before and after."""
    entries = layer.table_i16 - np.int16(less.get(layer.name, 0))
    return replace(layer, table_i16=entries, out=signed(layer.out))


def _has_form(layer: Lookup, functions: Functions) -> bool:
    return layer.name in functions and has_form(*functions[layer.name])


def _function(
    layer: Lookup, functions: Functions, real: str, node: NodeProto
) -> tuple[list[NodeProto], Constants]:
    """What the table is of."""
    made = written(*functions[layer.name], layer.name, real, node.output[0])
    return made.nodes, dict(made.constants)


FORMS = Forms(
    _around_zero,
    _has_form,
    real_nodes=RealNodes(".exact", _function),
    instead="train with a ReLU or a leaky ReLU in its place",
)

_BYTES = 256
"""Entries of the stored table: one for each byte that there is, so that a byte is an index as it stands."""


def qdq(writer: QdqWriter, layer: Lookup) -> None:
    """An entry for each stored byte; of real values where moves are.

    Where every zero point is 0, clients read bytes between quantisers alone: the code is made of its value.
    """
    if writer.options.stored in (Stored.SYMMETRIC, Stored.BY_SIGN):
        _gather_real(writer, layer)
        return
    table = _table(writer, layer)
    if not writer.options.moves_in_real:
        _gather(writer, layer, table, layer.name)
        return
    _gather(writer, layer, writer.real(layer.name, table), f"{layer.name}.exact")
    writer.quantize(layer.name, computed=False)


def integer(writer: IntegerWriter, layer: Lookup) -> None:
    """An entry for each stored byte, or for each code where there are more than 8 bits (eq. 26)."""
    if is_wide(writer.network, layer):
        _gather_codes(writer, layer)
        return
    _gather(writer, layer, _table(writer, layer), layer.name)


def _gather_real(writer: QdqWriter, layer: Lookup) -> None:
    name, source = layer.name, writer.network.formats[layer.source]
    unit = writer.constant(f"{name}.unit", np.array(np.ldexp(1.0, source.frac), np.float32))
    first = writer.constant(f"{name}.first", np.array(-source.min, np.float32))
    codes = writer.node("Mul", [writer.real(layer.source), unit], f"{name}.codes")
    places = writer.node("Add", [codes, first], f"{name}.places")
    index = writer.node("Cast", [places], f"{name}.index", to=TensorProto.INT32)
    entries = np.ldexp(layer.table_i16.astype(np.float32), -layer.out.frac)
    writer.node("Gather", [writer.constant(f"{name}.table", entries), index], f"{name}.exact", axis=0)
    writer.quantize(name, computed=False)


def _gather_codes(writer: IntegerWriter, layer: Lookup) -> None:
    """The smallest code has the first entry."""
    name, source = layer.name, writer.network.formats[layer.source]
    index = writer.codes(layer.source, name)
    if source.min:
        first = writer.constant(f"{name}.first", np.array(-source.min, np.int32))
        index = writer.node("Add", [index, first], f"{name}.entry")
    stored = (layer.table_i16 + writer.zero_point(layer.out)).astype(writer.options.stored.dtype(layer.out))
    Writer.node(writer, "Gather", [writer.constant(f"{name}.table", stored), index], name, axis=0)


def _table(writer: Writer, layer: Lookup) -> str:
    """The stored entry of each stored byte, (256,)."""
    source = writer.network.formats[layer.source]
    codes = np.arange(_BYTES) - _base(writer, layer) - writer.zero_point(source)
    # Of narrower formats some bytes are no codes.
    entries = layer.table_i16[np.clip(codes, source.min, source.max) - source.min]
    stored = (entries + writer.zero_point(layer.out)).astype(writer.options.stored.dtype(layer.out))
    return writer.constant(f"{layer.name}.table", stored)


def _base(writer: Writer, layer: Lookup) -> int:
    """What makes the lowest byte entry 0."""
    return -int(np.iinfo(writer.options.stored.dtype(writer.network.formats[layer.source])).min)


def _gather(writer: Writer, layer: Lookup, table: str, output: str) -> None:
    index = writer.node("Cast", [layer.source], f"{layer.name}.index", to=TensorProto.INT32)
    if base := _base(writer, layer):
        offset = writer.constant(f"{layer.name}.base", np.array(base, np.int32))
        index = writer.node("Add", [index, offset], f"{layer.name}.entry")
    size = writer.options.size
    if size is None or not writer.options.flat_tables:
        writer.node("Gather", [table, index], output, axis=0)
        return
    # Of a picture of places Qualcomm's emulator reads other entries from 64x64 pixels on.
    name, network = layer.name, writer.network
    row = writer.constant(f"{name}.row", np.array([-1], np.int64))
    shape = [1, network.channels[name], *network.size_of(name, *size)]
    flat = writer.node("Reshape", [index, row], f"{name}.flat")
    found = writer.node("Gather", [table, flat], f"{name}.found", axis=0)
    together = writer.constant(f"{name}.together", np.array(shape, np.int64))
    writer.node("Reshape", [found, together], output)
