"""The integer-operator flavour: every step of the arithmetic is a node, so any rounding rule can be said."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from hwrts.export.onnx_nodes import Writer, conv_shape, zero_point
from hwrts.fixed_point import FLOAT32_LIMIT, Add, Conv, DepthToSpace, Rounding, add_bound, conv_bounds


class IntegerWriter(Writer):
    """Emits eq. 2 to 7 as integer accumulation, scaling by a power of two, rounding and clipping.

    Scaling and rounding are float operators on numbers that float holds exactly: float32 below 2**24
    (half an LSB included), else float64. T.acc is the int32 accumulator of tensor T.
    """

    def conv(self, conv: Conv) -> None:
        """Append a convolution with its requantisation."""
        source = self.network.formats[conv.source]
        weight = self.constant(f"{conv.name}.weight", conv.weight_i8)
        zeros = [self.stored_zero(conv.source), self.constant(f"{conv.name}.no_offset", np.array(0, np.int8))]
        inputs = [conv.source, weight, *zeros]
        products = self.node("ConvInteger", inputs, f"{conv.name}.products", **conv_shape(conv))
        bias = self.constant(f"{conv.name}.bias", conv.bias_i32.reshape(1, -1, 1, 1))
        acc = self.node("Add", [products, bias], f"{conv.name}.acc")
        bound = int(conv_bounds(conv, source).partial_sum.max())
        self._requantize(acc, conv.name, conv.shift(source).reshape(1, -1, 1, 1), bound)

    def add(self, layer: Add) -> None:
        """Append an addition with its requantisation (eq. 6)."""
        formats = [self.network.formats[source] for source in layer.sources]
        finer = max(tensor.frac for tensor in formats)
        aligned = []
        for i, (source, tensor) in enumerate(zip(layer.sources, formats, strict=True)):
            step = f"{layer.name}.operand{i}"
            wide = self.node("Cast", [source], f"{step}.wide", to=TensorProto.INT32)
            zero = self.constant(f"{step}.zero", np.array(zero_point(tensor), np.int32))
            codes = self.node("Sub", [wide, zero], f"{step}.codes")
            factor = self.constant(f"{step}.factor", np.array(1 << (finer - tensor.frac), np.int32))
            aligned.append(self.node("Mul", [codes, factor], step))
        acc = self.node("Add", aligned, f"{layer.name}.acc")
        self._requantize(acc, layer.name, np.array(finer - layer.out.frac), add_bound(*formats))

    def depth_to_space(self, layer: DepthToSpace) -> None:
        """Append a move of the codes themselves."""
        self.node("DepthToSpace", [layer.source], layer.name, blocksize=layer.block, mode="CRD")

    def _requantize(self, acc: str, name: str, shift: NDArray[np.int64], bound: int) -> None:
        """saturate(round(acc * 2**-shift)), stored around the zero point (eq. 5, 11)."""
        out, rounding = self.network.formats[name], self.network.rounding
        half = int((1 << np.maximum(shift, 0)).max())  # more than half an LSB, in accumulator units
        exact32 = bound + half < FLOAT32_LIMIT
        kind, dtype = (TensorProto.FLOAT, np.float32) if exact32 else (TensorProto.DOUBLE, np.float64)
        scale = self.constant(f"{name}.factor", np.ldexp(1.0, -shift).astype(dtype))
        x = self.node("Cast", [acc], f"{name}.real", to=kind)
        x = self.node("Mul", [x, scale], f"{name}.scaled")
        x = self._round(x, name, rounding, self.constant(f"{name}.half", np.array(0.5, dtype)))
        limits = [
            self.constant(f"{name}.{end}", np.array(code, dtype))
            for end, code in (("min", out.min), ("max", out.max))
        ]
        x = self.node("Clip", [x, *limits], f"{name}.clipped")
        if out.signed:
            zero = self.constant(f"{name}.zero", np.array(zero_point(out), dtype))
            x = self.node("Add", [x, zero], f"{name}.offset")
        self.node("Cast", [x], name, to=TensorProto.UINT8)

    def _round(self, x: str, name: str, rounding: Rounding, half: str) -> str:
        if rounding is Rounding.HALF_EVEN:
            return self.node("Round", [x], f"{name}.rounded")
        if rounding is Rounding.FLOOR:
            return self.node("Floor", [x], f"{name}.rounded")
        if rounding is Rounding.HALF_UP:
            return self.node("Floor", [self.node("Add", [x, half], f"{name}.raised")], f"{name}.rounded")
        size = self.node("Add", [self.node("Abs", [x], f"{name}.size"), half], f"{name}.raised")
        whole = self.node("Floor", [size], f"{name}.whole")
        return self.node("Mul", [whole, self.node("Sign", [x], f"{name}.sign")], f"{name}.rounded")
