"""The QDQ flavour: real-valued operators between DequantizeLinear and QuantizeLinear, fused by runtimes."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.onnx_nodes import Writer, conv_shape, zero_point
from hwrts.fixed_point import Add, Conv, DepthToSpace, PRelu, Scale, Upsample

_STORED_ZERO = 128
"""Zero point of the constant of a Scale: a signed number in an unsigned byte, as activations are (eq. 11)."""


class QdqWriter(Writer):
    """Emits eq. 2 to 7 and 15 to 17 as QDQ; T.real is the dequantised tensor T. Rounds half to even."""

    def conv(self, conv: Conv) -> None:
        """Append a convolution with its requantisation."""
        acc_frac = conv.acc_frac(self.network.formats[conv.source])
        weight = self._coefficients(f"{conv.name}.weight", conv.weight_i8, conv.weight_frac)
        bias = self._coefficients(f"{conv.name}.bias", conv.bias_i32, acc_frac)
        inputs = [self._real(conv.source), weight, bias]
        self.node("Conv", inputs, f"{conv.name}.exact", **conv_shape(conv))
        self._quantize(conv.name)

    def add(self, layer: Add) -> None:
        """Append an addition with its requantisation."""
        self.node("Add", [self._real(source) for source in layer.sources], f"{layer.name}.exact")
        self._quantize(layer.name)

    def scale(self, layer: Scale) -> None:
        """Append a multiplication; the constant is a stored byte, or runtimes would not fuse it."""
        name = f"{layer.name}.multiplier"
        code = self.constant(name, np.array(layer.multiplier + _STORED_ZERO, np.uint8))
        factor = self._dequantised(code, name, layer.frac, np.array(_STORED_ZERO, np.uint8))
        self.node("Mul", [self._real(layer.source), factor], f"{layer.name}.exact")
        self._quantize(layer.name)

    def prelu(self, layer: PRelu) -> None:
        """Append a leaky ReLU: a float operator that is exact (docs/arithmetic.md, section 8)."""
        name = f"{layer.name}.slope"
        codes = self.constant(name, layer.slope_i8.reshape(-1, 1, 1))  # (C, 1, 1)
        slope = self._dequantised(codes, name, layer.slope_frac, np.array(0, np.int8))
        self.node("PRelu", [self._real(layer.source), slope], f"{layer.name}.exact")
        self._quantize(layer.name)

    def upsample(self, layer: Upsample) -> None:
        """Append an interpolation: a float operator that is exact (docs/arithmetic.md, section 8)."""
        self.interpolate(layer, self._real(layer.source), f"{layer.name}.exact")
        self._quantize(layer.name)

    def depth_to_space(self, layer: DepthToSpace) -> None:
        """Append a move of codes; the same scale on both sides, or a float island appears."""
        moved = {"blocksize": layer.block, "mode": "CRD"}
        self.node("DepthToSpace", [self._real(layer.source)], f"{layer.name}.exact", **moved)
        self._quantize(layer.name)

    def _real(self, name: str) -> str:
        """The dequantised tensor, made when first read: an unread one would keep its layer in float."""
        if all(f"{name}.real" not in node.output for node in self.nodes):
            self.node("DequantizeLinear", [name, *self._parameters(name)], f"{name}.real")
        return f"{name}.real"

    def _coefficients(self, name: str, codes: NDArray[np.generic], frac: NDArray[np.integer]) -> str:
        """Integer weights or biases behind DequantizeLinear, one scale for each output channel."""
        scale = self.constant(f"{name}.scale", np.ldexp(1.0, -frac.astype(np.int64)).astype(np.float32))
        zero = self.constant(f"{name}.zero_point", np.zeros(len(frac), codes.dtype))
        return self.node(
            "DequantizeLinear", [self.constant(name, codes), scale, zero], f"{name}.real", axis=0
        )

    def _dequantised(self, codes: str, name: str, frac: int, zero: NDArray[np.generic]) -> str:
        """Integer constants behind DequantizeLinear, one scale for all."""
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        inputs = [codes, scale, self.constant(f"{name}.zero_point", zero)]
        return self.node("DequantizeLinear", inputs, f"{name}.real")

    def _quantize(self, name: str) -> None:
        tensor = self.network.formats[name]
        stored = name if tensor.bits == 8 else f"{name}.wide"
        self.node("QuantizeLinear", [f"{name}.exact", *self._parameters(name)], stored)
        if tensor.bits < 8:  # clipped as codes: a Clip of real values would keep the layer in float
            limits = [
                self.constant(f"{name}.{end}", np.array(code + zero_point(tensor), np.uint8))
                for end, code in (("min", tensor.min), ("max", tensor.max))
            ]
            self.node("Clip", [stored, *limits], name)

    def _parameters(self, name: str) -> list[str]:
        frac = self.network.formats[name].frac
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        return [scale, self.stored_zero(name)]
