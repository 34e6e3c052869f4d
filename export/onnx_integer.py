"""The integer-operator flavour: every step of the arithmetic is a node, so any rounding rule can be said."""

from typing import assert_never

import numpy as np
from onnx import TensorProto

from hwrts.export.onnx_nodes import Writer, zero_point
from hwrts.fixed_point import Add, Concat, Requantised, Rounding, layer_bounds


class IntegerWriter(Writer):
    """Says eq. 2 to 7, 15 to 17 and 23 to 25 as integer accumulation, scaling by 2**-s, rounding, clipping.

    Scaling and rounding are float operators on numbers that float holds exactly: float32 below 2**24
    (half an LSB included), else float64. T.acc is the int32 accumulator of tensor T.
    """

    def codes(self, source: str, step: str) -> str:
        """A tensor's codes as int32, without the zero point."""
        wide = self.node("Cast", [source], f"{step}.wide", to=TensorProto.INT32)
        zero = self.constant(
            f"{step}.source_zero", np.array(zero_point(self.network.formats[source]), np.int32)
        )
        return self.node("Sub", [wide, zero], f"{step}.codes")

    def times(self, codes: str, factor: int, output: str) -> str:
        """Codes times a constant, in int32."""
        return self.node("Mul", [codes, self.constant(f"{output}.times", np.array(factor, np.int32))], output)

    def aligned(self, layer: Add | Concat) -> list[str]:
        """The codes of all operands as int32 on the finest of their grids (eq. 6, 23)."""
        formats = self.network.formats_of(layer.sources)
        finest = layer.acc_frac(*formats)
        operands = []
        for i, (source, tensor) in enumerate(zip(layer.sources, formats, strict=True)):
            step = f"{layer.name}.operand{i}"
            operands.append(self.times(self.codes(source, step), 1 << (finest - tensor.frac), step))
        return operands

    def requantize(self, layer: Requantised) -> None:
        """saturate(round(acc * 2**-shift)), stored around the zero point (eq. 5, 11, 44)."""
        name, acc, out, rounding = layer.name, f"{layer.name}.acc", layer.out, self.network.rule_of(layer)
        sources = self.network.formats_of(layer.sources)
        shift = np.asarray(layer.acc_frac(*sources) - out.frac, np.int64)
        if shift.ndim:
            shift = shift.reshape(1, -1, 1, 1)  # (1, O, 1, 1)
        exact32 = layer_bounds(layer, sources, rounding).exact_in_float32
        kind, dtype = (TensorProto.FLOAT, np.float32) if exact32 else (TensorProto.DOUBLE, np.float64)
        scale = self.constant(f"{name}.factor", np.ldexp(1.0, -shift).astype(dtype))
        x = self.node("Cast", [acc], f"{name}.acc_real", to=kind)
        x = self.node("Mul", [x, scale], f"{name}.scaled")
        if rounding is Rounding.DOUBLE:  # a unit of the accumulator away from zero, where it rounds twice
            unit = np.where(shift > 1, np.ldexp(1.0, -shift), 0).astype(dtype)
            sign = self.node("Sign", [x], f"{name}.sign")
            aside = self.node("Mul", [sign, self.constant(f"{name}.unit", unit)], f"{name}.aside")
            x = self.node("Add", [x, aside], f"{name}.beside")
        x = self._round(x, name, rounding, dtype)
        limits = [
            self.constant(f"{name}.{end}", np.array(code, dtype))
            for end, code in (("min", out.min), ("max", out.max))
        ]
        x = self.node("Clip", [x, *limits], f"{name}.clipped")
        if out.signed:
            zero = self.constant(f"{name}.zero", np.array(zero_point(out), dtype))
            x = self.node("Add", [x, zero], f"{name}.offset")
        self.node("Cast", [x], name, to=self.stored_type(name))

    def _round(self, x: str, name: str, rounding: Rounding, dtype: type[np.floating]) -> str:
        match rounding:
            case Rounding.HALF_EVEN:
                return self.node("Round", [x], f"{name}.rounded")
            case Rounding.FLOOR:
                return self.node("Floor", [x], f"{name}.rounded")
        half = self.constant(f"{name}.half", np.array(0.5, dtype))  # what nothing reads runtimes complain of
        match rounding:
            case Rounding.HALF_UP | Rounding.DOUBLE:
                return self.node("Floor", [self.node("Add", [x, half], f"{name}.raised")], f"{name}.rounded")
            case Rounding.HALF_AWAY:
                size = self.node("Add", [self.node("Abs", [x], f"{name}.size"), half], f"{name}.raised")
                whole = self.node("Floor", [size], f"{name}.whole")
                return self.node("Mul", [whole, self.node("Sign", [x], f"{name}.sign")], f"{name}.rounded")
            case _:
                assert_never(rounding)
