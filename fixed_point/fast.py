"""Convolution of rows of codes at BLAS speed: float arithmetic, used only where it is proved exact."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blas import Product, accumulating_product, one_blas_thread
from .bounds import layer_bounds
from .cores import available_cores
from .formats import Format
from .layers import Conv
from .requantize import Rounding, half_lsb

# Letters of the shape comments: W columns of a row; I, O input and output channels; K kernel size;
# M = K // 2, the margin.

FloatRow = NDArray[np.floating]
"""Codes (W, C) of one row as float32 or float64: integers, exactly."""

_COLUMNS = 512
"""Columns of one matrix product: its operands and result stay in a core's second-level cache."""
_SMALLEST_PART = 16
"""Rows that are worth a thread of their own."""


class ConvRows:
    """A convolution fed row by row, as one matrix product for each column of its kernel (eq. 2 and 5).

    A row (W, I), shifted by kx and multiplied with (I, K * O), gives its share in each of the K output rows
    that see it; BLAS adds it to the sums that are there. An output row is complete when the last of
    its K rows has been added; its place in the ring of K sums is then used again, so the weights exist in K
    rotations. Weights and bias are scaled by 2**-shift beforehand, which is exact. Every partial sum is
    then an integer below 2**24 times that power of two (eq. 10), which float32 holds in any order of
    summation; a layer that could exceed it is computed in float64, exact for every int32. So the one
    rounding is the only step that loses anything.

    Args:
        conv: The layer.
        source: Format of its input.
        rounding: The tie rule.
        width: W.
    """

    def __init__(self, conv: Conv, source: Format, rounding: Rounding, width: int) -> None:
        out_channels, in_channels, kernel, _ = conv.weight_i8.shape
        shift = conv.shift(source)
        exact = layer_bounds(conv, [source], rounding).exact_in_float32
        dtype: type[np.floating] = np.float32 if exact else np.float64
        raised = half_lsb(shift, rounding) if rounding is Rounding.HALF_UP else np.zeros_like(shift)
        self._bias = np.ldexp(conv.bias_i32 + raised, -shift).astype(dtype)  # (O,)
        # the newest row is the lowest one that an output row sees: the last ky for the oldest output row
        scaled = np.ldexp(conv.weight_i8.transpose(3, 1, 2, 0).astype(np.float64), -shift)  # (K, I, K, O)
        self._row = np.zeros((width + kernel - 1, in_channels), dtype)  # with the padding, code 0
        self._inside = self._row[kernel // 2 : kernel // 2 + width]  # (W, I)
        self._sums = np.empty((width, kernel, out_channels), dtype)
        self._sums[...] = self._bias
        self._oldest = 0
        self._products = [
            self._plan(np.roll(scaled[:, :, ::-1], oldest, axis=2).reshape(kernel, in_channels, -1))
            for oldest in range(kernel)
        ]
        self._out, self._rounding = conv.out, rounding

    def _plan(self, weights: NDArray[np.floating]) -> list[Product]:
        """The products of one row with weights (K, I, K*O), part by part, for one position of the ring."""
        width = len(self._sums)
        weights = np.ascontiguousarray(weights, self._sums.dtype)
        sums = self._sums.reshape(width, -1)  # (W, K*O)
        return [
            accumulating_product(self._row[left + kx : right + kx], weight, sums[left:right])
            for left in range(0, width, _COLUMNS)
            for right in [min(left + _COLUMNS, width)]
            for kx, weight in enumerate(weights)
        ]

    def feed(self, row: NDArray[Any] | None) -> None:
        """Add the next row (W, I) of codes to the output rows that see it; None lies outside the picture."""
        if row is not None:
            self._inside[...] = row
            for product in self._products[self._oldest]:
                product()

    def take(self) -> FloatRow:
        """The codes (W, O) of the output row that the last fed row completes."""
        codes = np.empty((len(self._sums), len(self._bias)), self._sums.dtype)
        round_and_saturate(self._sums[:, self._oldest], codes, self._out, self._rounding)
        self.skip()
        return codes

    def skip(self) -> None:
        """Drop the output row that the last fed row completes: it lies outside the picture."""
        self._sums[:, self._oldest] = self._bias
        self._oldest = (self._oldest + 1) % self._sums.shape[1]


def conv_requantized(
    x: NDArray[np.integer], conv: Conv, source: Format, rounding: Rounding
) -> NDArray[np.integer]:
    """The codes of ``requantize(conv_accumulate(x))`` for a whole picture, by :class:`ConvRows`.

    Args:
        x: Codes (H, W, I).
        conv: The layer.
        source: Format of ``x``.
        rounding: The tie rule.

    Returns:
        Codes (H, W, O) of ``conv.out``.

    >>> from .formats import PIXEL
    >>> from .layers import Conv
    >>> one = np.ones(1, np.int32)  # weight 1 * 2**-1, bias 1 * 2**-9: (2 + 1) / 2 is a tie
    >>> half = Conv("c", "x", np.ones((1, 1, 1, 1), np.int8), one, one, PIXEL)
    >>> conv_requantized(np.array([[[2]]], np.uint8), half, PIXEL, Rounding.HALF_EVEN).tolist()
    [[[2]]]
    """
    height, width, _ = x.shape
    out_channels, _, kernel, _ = conv.weight_i8.shape
    out = np.empty((height, width, out_channels), conv.out.dtype)

    def compute(top: int, bottom: int) -> None:
        rows = ConvRows(conv, source, rounding, width)
        for y in range(top - kernel // 2, bottom + kernel // 2):
            rows.feed(x[y] if 0 <= y < height else None)
            done = y - kernel // 2
            if top <= done:
                out[done] = rows.take()
            else:
                rows.skip()

    in_parts(height, compute)
    return out


def in_parts(height: int, compute: Callable[[int, int], None]) -> None:
    """Call ``compute(top, bottom)`` for parts of a picture, one for each core that this process may use.

    NumPy releases the interpreter lock in products and in whole-array operations.
    """
    with one_blas_thread() as alone:
        count = max(1, min(available_cores(), height // _SMALLEST_PART)) if alone else 1
        edges = [height * k // count for k in range(count + 1)]
        if count == 1:
            compute(0, height)
            return
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(compute, edges[:-1], edges[1:]))


def round_and_saturate(x: FloatRow, codes: FloatRow, out: Format, rounding: Rounding) -> None:
    """Requantise scaled accumulators into ``codes``; half an LSB is in them already for half-up (eq. 5)."""
    if rounding is Rounding.HALF_EVEN:
        np.rint(x, out=codes)
    elif rounding is Rounding.HALF_AWAY:  # half an LSB away from zero, then toward zero
        np.add(x, np.copysign(x.dtype.type(0.5), x), out=codes)
        np.trunc(codes, out=codes)
    else:
        np.floor(x, out=codes)
    np.clip(codes, out.min, out.max, out=codes)
