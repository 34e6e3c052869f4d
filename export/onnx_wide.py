"""Layers of more than 8 bits in an int8 file: the 10 or 12 bits of a picture at the ends of a network.

Their codes stand in the file as they are, uint16 or int16 with zero point 0. No runtime has quantised
operators of that width, so such a layer is written on int32 in both flavours: codes are cast, aligned, added
and limited as whole numbers. Only where bits are dropped is there a float, which holds each number exactly.
"""

from typing import Any, Self

import numpy as np
from onnx import TensorProto

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import WIDE_TYPES, Writer
from hwrts.export.qdq_options import QdqOptions
from hwrts.fixed_point import Network, Requantised, Rounding, layer_bounds

_CARRIED = dict.fromkeys(("DepthToSpace", "SpaceToDepth", "MaxPool"), TensorProto.FLOAT)
"""What codes are cast to for moves that ONNX Runtime has of bytes and floats alone; float32 holds 16 bits."""


class WideWriter(IntegerWriter):
    """Appends such layers to another writer's nodes; each node says by its name what type it computes."""

    def __init__(self, network: Network, options: QdqOptions | None = None) -> None:
        super().__init__(network, options)
        self._types: dict[str, int] = {}

    @classmethod
    def beside(cls, writer: Writer) -> Self:
        """One that shares nodes and constants with the writer of the other layers."""
        made = cls(writer.network, writer.options)
        made.nodes, made.initializers = writer.nodes, writer.initializers
        return made

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """As of every writer; a cast says what is computed behind it."""
        super().node(op, inputs, output, **attributes)
        given = [self._types[each] for each in inputs if each in self._types]
        if op in ("Cast", "ConvInteger"):
            self._types[output] = attributes.get("to", TensorProto.INT32)
        elif given and given[0] in WIDE_TYPES:
            self._types[output] = given[0]
            self.nodes[-1].name = f"{output}.wide.{TensorProto.DataType.Name(given[0])}.{op}"
        return output

    def codes(self, source: str, step: str) -> str:
        """A tensor's codes as int32; those of more than 8 bits have no zero point to take off."""
        if self.network.formats[source].bits <= 8:
            return super().codes(source, step)
        return self.node("Cast", [source], f"{step}.codes", to=TensorProto.INT32)

    def times(self, codes: str, factor: int, output: str) -> str:
        """Codes times a constant, in int32; once is no product."""
        return self.node("Identity", [codes], output) if factor == 1 else super().times(codes, factor, output)

    def moved(
        self, op: str, source: str, constants: list[str], name: str, like: str = "", **attributes: Any
    ) -> str:
        """A move of codes in the type that the operator takes."""
        carrier = _CARRIED.get(op, TensorProto.INT32)
        carried = self.node("Cast", [source], f"{name}.carried", to=carrier)
        moved = Writer.node(self, op, [carried, *constants], f"{name}.moved", **attributes)
        return self.node("Cast", [moved], name, to=self.stored_type(like or source))

    def requantize(self, layer: Requantised) -> None:
        """saturate(round(acc * 2**-shift)) (eq. 5): on int32 alone where no bit is dropped."""
        name, out, sources = layer.name, layer.out, self.network.formats_of(layer.sources)
        shift, rule = layer.shift(*sources), self.network.rule_of(layer)
        if not shift.max() > 0:
            acc = f"{name}.acc"
            if shift.any():
                up = self.constant(f"{name}.up", np.left_shift(1, -shift).astype(np.int32).reshape(-1, 1, 1))
                acc = self.node("Mul", [acc, up], f"{name}.scaled")
            self._limited(acc, layer)
        elif shift.ndim == 0 and out.bits == 8 and rule is Rounding.HALF_EVEN and _in_float32(layer, self):
            real = self.node("Cast", [f"{name}.acc"], f"{name}.acc_real", to=TensorProto.FLOAT)
            unit = self.constant(f"{name}.unit", np.array(np.ldexp(1.0, int(shift)), np.float32))
            self.node("QuantizeLinear", [real, unit, self.stored_zero(name)], name)
        else:
            super().requantize(layer)

    def _limited(self, acc: str, layer: Requantised) -> None:
        """Whole numbers on the grid of a result, saturated and stored."""
        name, out = layer.name, layer.out
        ends = [
            self.constant(f"{name}.{end}", np.array(code, np.int32))
            for end, code in (("min", out.min), ("max", out.max))
        ]
        x = self.node("Clip", [acc, *ends], f"{name}.clipped")
        if zero := self.zero_point(out):
            x = self.node(
                "Add", [x, self.constant(f"{name}.zero", np.array(zero, np.int32))], f"{name}.offset"
            )
        self.node("Cast", [x], name, to=self.stored_type(name))


def _in_float32(layer: Requantised, writer: Writer) -> bool:
    rule, sources = writer.network.rule_of(layer), writer.network.formats_of(layer.sources)
    return layer_bounds(layer, sources, rule).exact_in_float32
