"""The QDQ flavour: real-valued operators between DequantizeLinear and QuantizeLinear, fused by runtimes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.depth_first import Order
from hwrts.export.onnx_nodes import Writer
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.fixed_point import Network

_NO_CLIP = float(np.finfo(np.float32).eps)
"""ONNX Runtime leaves out a Clip whose limits are within this of what the QuantizeLinear behind it holds."""


class QdqWriter(Writer):
    """Says eq. 2 to 7, 15 to 17, and 23 to 25 as QDQ. Rounds half to even.

    T.real is the dequantised tensor T, T.exact what an operator makes of real values.
    """

    def __init__(
        self,
        network: Network,
        options: QdqOptions | None = None,
        turned: Mapping[str, Order] | None = None,
    ) -> None:
        super().__init__(network, options)
        self.turned = turned or {}

    def real(self, name: str, codes: str | None = None) -> str:
        """The dequantised tensor, made when first read: an unread one would keep its layer in float.

        Args:
            name: The tensor.
            codes: What to dequantise in place of its stored codes.
        """
        codes = codes or name
        if all(f"{codes}.real" not in node.output for node in self.nodes):
            self.node("DequantizeLinear", [codes, *self._parameters(name)], f"{codes}.real")
        return f"{codes}.real"

    def edged(self, name: str, margins: tuple[int, int, int, int], code: int) -> str:
        """The stored codes of a tensor with a code around them, made once: of a signed tensor alone."""
        top, left, bottom, right = margins
        edged = f"{name}.edged" + "x".join(map(str, margins))
        if all(edged not in node.output for node in self.nodes):
            pads = self.constant(f"{edged}.pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
            value = np.array(np.ldexp(float(code), -self.network.formats[name].frac), np.float32)
            constants = [pads, self.constant(f"{edged}.code", value)]
            self.moved("Pad", name, constants, edged, mode="constant")
        return edged

    def stored_input(self, name: str) -> None:
        """The stored codes of an input that comes as real values."""
        self.node("QuantizeLinear", [f"{name}.float", *self._parameters(name)], name)

    def real_around(self, name: str, middle: int) -> str:
        """The dequantised tensor less the value of a code, of a tensor whose codes are not negative."""
        around, tensor = f"{name}.around{middle}", self.network.formats[name]
        if any(around in node.output for node in self.nodes):
            return around
        if self.options.stored is Stored.BY_SIGN:  # QONNX makes one Quant of all that dequantises a tensor
            value = np.array(np.ldexp(float(middle), -tensor.frac), np.float32)
            return self.node("Sub", [self.real(name), self.constant(f"{around}.value", value)], around)
        code = middle - self.options.stored.less(tensor)
        scale, zero = self._parameters(name)[0], self.byte(f"{around}.code", code, tensor)
        return self.node("DequantizeLinear", [name, scale, zero], around)

    def coefficients(self, name: str, codes: NDArray[np.generic], frac: NDArray[np.integer]) -> str:
        """Integer weights or biases behind DequantizeLinear, one scale for each output channel."""
        size = np.ldexp(1.0, -frac.astype(np.int64)).astype(np.float32)
        bias = codes.ndim == 1
        if bias and self.options.float_bias:
            return self.constant(f"{name}.real", codes.astype(np.float32) * size)
        scale = self.constant(f"{name}.scale", size)
        zero = self.constant(f"{name}.zero_point", np.zeros(len(frac), codes.dtype))
        if self.options.float_weights and not bias:
            real = codes.astype(np.float32) * size.reshape(-1, *[1] * (codes.ndim - 1))
            stored = self.node(
                "QuantizeLinear", [self.constant(f"{name}.float", real), scale, zero], name, axis=0
            )
        else:
            stored = self.constant(name, codes)
        return self.node("DequantizeLinear", [stored, scale, zero], f"{name}.real", axis=0)

    def dequantised(self, codes: str, name: str, frac: int, zero: NDArray[np.generic]) -> str:
        """Integer constants behind DequantizeLinear, one scale for all."""
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        inputs = [codes, scale, self.constant(f"{name}.zero_point", zero)]
        return self.node("DequantizeLinear", inputs, f"{name}.real")

    def quantize(self, name: str, shifted_zero: int | None = None, *, computed: bool = True) -> None:
        """T.exact becomes the stored codes of T (eq. 5, 11).

        Args:
            name: T.
            shifted_zero: The zero point where T.exact is less than T by a whole number of codes.
            computed: Whether T.exact may be below every code: no codes that were moved, or joined, or listed.
        """
        tensor, (scale, zero) = self.network.formats[name], self._parameters(name)
        if shifted_zero is not None:
            zero = self.byte(f"{name}.shifted_zero", shifted_zero - self.options.stored.less(tensor), tensor)
        exact, relu = f"{name}.exact", computed and self.options.relu and not tensor.signed
        narrow = tensor.bits < (7 if relu and self.options.stored is Stored.SYMMETRIC else 8)
        if narrow and not tensor.signed and self.options.stored is Stored.UPWARD:
            self.node("QuantizeLinear", [exact, scale, zero], f"{name}.wide")
            self.node("Relu", [self.real(name, f"{name}.wide")], f"{name}.relu")
            self.node("QuantizeLinear", [f"{name}.relu", scale, zero], name)
            return
        if shifted_zero is None and relu:
            exact = self.node("Relu", [exact], f"{name}.relu")
        stored = f"{name}.wide" if narrow else name  # bytes that end where the codes do are these
        self.node("QuantizeLinear", [exact, scale, zero], stored)
        if stored != name and self.options.clip_in_real and self.keeps_clip(name, tensor.min, tensor.max):
            ends = [
                self.constant(f"{name}.{end}", np.array(np.ldexp(float(code), -tensor.frac), np.float32))
                for end, code in (("min", tensor.min), ("max", tensor.max))
            ]
            within = self.node("Clip", [self.real(name, stored), *ends], f"{name}.within")
            self.node("QuantizeLinear", [within, *self._parameters(name)], name)
        elif stored != name:
            self.clipped(stored, name)

    def keeps_clip(self, name: str, low: int, high: int) -> bool:
        """Whether ONNX Runtime computes a Clip of real values between two codes of a tensor.

        On grids finer than 2**-22 it takes one for none: bytes are to be clipped there.
        """
        tensor = self.network.formats[name]
        zero, stored = self.zero_point(tensor), np.iinfo(self.options.stored.dtype(tensor))
        cut = max(low + zero - stored.min, stored.max - high - zero)  # codes, at the end where it is more
        return cut == 0 or float(np.ldexp(cut, -tensor.frac)) > _NO_CLIP

    def moved(
        self, op: str, source: str, constants: list[str], name: str, like: str = "", **attributes: Any
    ) -> str:
        """As bytes, or as real values where clients know quantised tensors by what stands around them."""
        if not self.options.moves_in_real:
            return super().moved(op, source, constants, name, **attributes)
        self.node(op, [self.real(like or source, source), *constants], f"{name}.exact", **attributes)
        inputs = [f"{name}.exact", *self._parameters(like or source)]
        return self.node("QuantizeLinear", inputs, name)

    def _parameters(self, name: str) -> list[str]:
        frac = self.network.formats[name].frac
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        return [scale, self.stored_zero(name)]
