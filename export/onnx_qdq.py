"""The QDQ flavour: real-valued operators between DequantizeLinear and QuantizeLinear, fused by runtimes."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.onnx_nodes import Writer


class QdqWriter(Writer):
    """Says eq. 2 to 7, 15 to 17, and 23 to 25 as QDQ. Rounds half to even.

    T.real is the dequantised tensor T, T.exact what an operator makes of real values.
    """

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

    def real_around(self, name: str, middle: int) -> str:
        """The dequantised tensor less the value of a code, of a tensor whose codes are not negative."""
        around = f"{name}.around{middle}"
        scale, zero = self._parameters(name)[0], self.constant(f"{around}.code", np.array(middle, np.uint8))
        if all(around not in node.output for node in self.nodes):
            self.node("DequantizeLinear", [name, scale, zero], around)
        return around

    def coefficients(self, name: str, codes: NDArray[np.generic], frac: NDArray[np.integer]) -> str:
        """Integer weights or biases behind DequantizeLinear, one scale for each output channel."""
        scale = self.constant(f"{name}.scale", np.ldexp(1.0, -frac.astype(np.int64)).astype(np.float32))
        zero = self.constant(f"{name}.zero_point", np.zeros(len(frac), codes.dtype))
        return self.node(
            "DequantizeLinear", [self.constant(name, codes), scale, zero], f"{name}.real", axis=0
        )

    def dequantised(self, codes: str, name: str, frac: int, zero: NDArray[np.generic]) -> str:
        """Integer constants behind DequantizeLinear, one scale for all."""
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        inputs = [codes, scale, self.constant(f"{name}.zero_point", zero)]
        return self.node("DequantizeLinear", inputs, f"{name}.real")

    def quantize(self, name: str, shifted_zero: int | None = None) -> None:
        """T.exact becomes the stored codes of T (eq. 5, 11).

        Args:
            name: T.
            shifted_zero: The zero point where T.exact is less than T by a whole number of codes.
        """
        tensor, (scale, zero) = self.network.formats[name], self._parameters(name)
        if shifted_zero is not None:
            zero = self.constant(f"{name}.shifted_zero", np.array(shifted_zero, np.uint8))
        stored = name if tensor.bits == 8 else f"{name}.wide"
        self.node("QuantizeLinear", [f"{name}.exact", scale, zero], stored)
        if tensor.bits < 8:
            self.clipped(stored, name)

    def _parameters(self, name: str) -> list[str]:
        frac = self.network.formats[name].frac
        scale = self.constant(f"{name}.scale", np.array(np.ldexp(1.0, -frac), np.float32))
        return [scale, self.stored_zero(name)]
