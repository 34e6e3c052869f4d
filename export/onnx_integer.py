"""The integer-operator flavour: every step of the arithmetic is a node, so any rounding rule can be said."""

import numpy as np
from onnx import TensorProto

from hwrts.export.onnx_nodes import Writer, conv_shape, zero_point
from hwrts.fixed_point import (
    Add,
    Conv,
    DepthToSpace,
    PRelu,
    Requantised,
    Rounding,
    Scale,
    Upsample,
    layer_bounds,
    upsample_taps,
)


class IntegerWriter(Writer):
    """Emits eq. 2 to 7 and 15 to 17 as integer accumulation, scaling by 2**-s, rounding and clipping.

    Scaling and rounding are float operators on numbers that float holds exactly: float32 below 2**24
    (half an LSB included), else float64. T.acc is the int32 accumulator of tensor T.
    """

    def conv(self, conv: Conv) -> None:
        """Append a convolution with its requantisation."""
        weight = self.constant(f"{conv.name}.weight", conv.weight_i8)
        zeros = [self.stored_zero(conv.source), self.constant(f"{conv.name}.no_offset", np.array(0, np.int8))]
        inputs = [conv.source, weight, *zeros]
        products = self.node("ConvInteger", inputs, f"{conv.name}.products", **conv_shape(conv))
        bias = self.constant(f"{conv.name}.bias", conv.bias_i32.reshape(1, -1, 1, 1))
        self.node("Add", [products, bias], f"{conv.name}.acc")
        self._requantize(conv)

    def add(self, layer: Add) -> None:
        """Append an addition with its requantisation (eq. 6)."""
        formats = self.network.formats_of(layer.sources)
        finer = layer.acc_frac(*formats)
        aligned = []
        for i, (source, tensor) in enumerate(zip(layer.sources, formats, strict=True)):
            step = f"{layer.name}.operand{i}"
            aligned.append(self._times(self._codes(source, step), 1 << (finer - tensor.frac), step))
        self.node("Add", aligned, f"{layer.name}.acc")
        self._requantize(layer)

    def scale(self, layer: Scale) -> None:
        """Append a multiplication by a constant with its requantisation (eq. 15)."""
        self._times(self._codes(layer.source, layer.name), layer.multiplier, f"{layer.name}.acc")
        self._requantize(layer)

    def prelu(self, layer: PRelu) -> None:
        """Append a leaky ReLU with its requantisation (eq. 16)."""
        name = layer.name
        codes = self._codes(layer.source, name)
        zero = self.constant(f"{name}.none", np.array(0, np.int32))
        above = self.node("Max", [codes, zero], f"{name}.above")
        above = self._times(above, 1 << layer.slope_frac, f"{name}.shifted")
        slope = self.constant(f"{name}.slope", layer.slope_i8.astype(np.int32).reshape(-1, 1, 1))  # (C, 1, 1)
        below = self.node("Mul", [self.node("Min", [codes, zero], f"{name}.below"), slope], f"{name}.leak")
        self.node("Add", [above, below], f"{name}.acc")
        self._requantize(layer)

    def depth_to_space(self, layer: DepthToSpace) -> None:
        """Append a move of the codes themselves."""
        self.node("DepthToSpace", [layer.source], layer.name, blocksize=layer.block, mode="CRD")

    def upsample(self, layer: Upsample) -> None:
        """Append an interpolation with its requantisation (eq. 17); its float operator is exact."""
        name = layer.name
        real = self.node("Cast", [self._codes(layer.source, name)], f"{name}.float", to=TensorProto.FLOAT)
        pixels = self.interpolate(layer, real, f"{name}.pixels")
        taps_frac = 2 * upsample_taps(layer.kind, layer.factor)[1]
        units = self.constant(f"{name}.units", np.array(1 << taps_frac, np.float32))
        units = self.node("Mul", [pixels, units], f"{name}.sums")
        self.node("Cast", [units], f"{name}.acc", to=TensorProto.INT32)
        self._requantize(layer)

    def _codes(self, source: str, step: str) -> str:
        """A tensor's codes as int32, without the zero point."""
        wide = self.node("Cast", [source], f"{step}.wide", to=TensorProto.INT32)
        zero = self.constant(
            f"{step}.source_zero", np.array(zero_point(self.network.formats[source]), np.int32)
        )
        return self.node("Sub", [wide, zero], f"{step}.codes")

    def _times(self, codes: str, factor: int, output: str) -> str:
        return self.node("Mul", [codes, self.constant(f"{output}.times", np.array(factor, np.int32))], output)

    def _requantize(self, layer: Requantised) -> None:
        """saturate(round(acc * 2**-shift)), stored around the zero point (eq. 5, 11)."""
        name, acc, out, rounding = layer.name, f"{layer.name}.acc", layer.out, self.network.rounding
        sources = self.network.formats_of(layer.sources)
        shift = np.asarray(layer.acc_frac(*sources) - out.frac, np.int64)
        if shift.ndim:
            shift = shift.reshape(1, -1, 1, 1)  # (1, O, 1, 1)
        exact32 = layer_bounds(layer, sources, rounding).exact_in_float32
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
