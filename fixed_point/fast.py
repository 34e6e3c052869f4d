"""Convolution of rows of codes at BLAS speed: float arithmetic, used only where it is proved exact."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from .blas import Product, accumulating_product, one_blas_thread
from .codes import Codes
from .cores import available_cores
from .formats import Format
from .requantize import Rounding
from .rows import FloatRounding, FloatRow, Row, Rows
from .window import Window

# Letters of the shape comments: W columns of a row; I, O input and output channels; K kernel size;
# M = K // 2, the margin.

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
        weight_i8: Codes (O, I, K, K).
        bias_i32: Codes (O,).
        shift: Bits that each output channel drops, (O,).
        dtype: float32 where it is exact, else float64.
        out: Format of the result.
        rounding: The tie rule.
        width: W.
        replicate: Whether what lies outside the picture equals the nearest inside; else it is code 0.
    """

    def __init__(
        self,
        weight_i8: NDArray[np.int8],
        bias_i32: NDArray[np.int32],
        shift: NDArray[np.int64],
        dtype: type[np.floating],
        out: Format,
        rounding: Rounding,
        width: int,
        replicate: bool,
    ) -> None:
        out_channels, in_channels, kernel, _ = weight_i8.shape
        self._round = FloatRounding(shift, dtype, out, rounding)
        self._bias = np.ldexp(bias_i32 + self._round.raised, -shift).astype(dtype)  # (O,)
        # the newest row is the lowest one that an output row sees: the last ky for the oldest output row
        scaled = np.ldexp(weight_i8.transpose(3, 1, 2, 0).astype(np.float64), -shift)  # (K, I, K, O)
        self._margin, self._replicate = kernel // 2, replicate
        self._row = np.zeros((width + kernel - 1, in_channels), dtype)  # with the padding, code 0 at first
        self._inside = self._row[self._margin : self._margin + width]  # (W, I)
        self._sums = np.empty((width, kernel, out_channels), dtype)
        self._sums[...] = self._bias
        self._oldest = 0
        self._products = [
            self._plan(np.roll(scaled[:, :, ::-1], oldest, axis=2).reshape(kernel, in_channels, -1))
            for oldest in range(kernel)
        ]

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

    def feed(self, windows: Sequence[Sequence[Row | None]]) -> None:
        """Add the lowest row (W, I) of a step to the output rows that see it; the others are in there."""
        *above, row = windows[0]
        if row is not None:
            self._inside[...] = row
            if self._replicate:
                self._replicate_sides()
                if above and above[-1] is None:  # the first row of the picture: it lies above itself too
                    for _ in range(self._margin):
                        self._add()
                        self.skip()
            self._add()
        elif self._replicate and any(each is not None for each in above):
            self._add()  # below the picture: its last row once more

    def _replicate_sides(self) -> None:
        """Repeat the first and the last pixel of the row in the padding beside it."""
        self._row[: self._margin] = self._inside[0]
        self._row[len(self._row) - self._margin :] = self._inside[-1]

    def _add(self) -> None:
        """Add the row that is held to the K sums, as the next lower row."""
        for product in self._products[self._oldest]:
            product()

    def take(self) -> list[FloatRow]:
        """The codes (W, O) of the output row that the last fed row completes."""
        codes = np.empty((len(self._sums), len(self._bias)), self._sums.dtype)
        self._round(self._sums[:, self._oldest], codes)
        self.skip()
        return [codes]

    def skip(self) -> None:
        """Drop the output row that the last fed row completes: it lies outside the picture."""
        self._sums[:, self._oldest] = self._bias
        self._oldest = (self._oldest + 1) % self._sums.shape[1]


def conv_picture(x: NDArray[np.integer], window: Window, make: Callable[[], Rows], out: Codes) -> None:
    """Fill ``out`` (H', W', O) with the codes of a whole picture (H, W, I), a part of its rows for each core.

    Args:
        x: Codes of the source.
        window: Its K rows.
        make: A convolution that has seen no row yet.
        out: Where the codes go.
    """

    def compute(top: int, bottom: int) -> None:
        rows, lines = make(), list(x)  # a row is one object, by which it is known again
        for y in range(top - window.kernel + 1, bottom):
            seen = range(y * window.shrink - window.before, y * window.shrink + window.after + 1)
            rows.feed([[lines[each] if 0 <= each < len(x) else None for each in seen]])
            if top <= y:
                (out[y],) = rows.take()
            else:
                rows.skip()

    in_parts(len(out), compute)


def in_parts(height: int, compute: Callable[[int, int], None], unit: int = 1, smallest: int = 1) -> None:
    """Call ``compute(top, bottom)`` for parts of a picture, one for each core that this process may use.

    NumPy releases the interpreter lock in products and in whole-array operations.

    Args:
        height: Rows of the picture, a multiple of ``unit``.
        compute: Computes the rows top .. bottom - 1.
        unit: Parts begin and end at multiples of it.
        smallest: Rows that a part has at least.
    """
    most = height // max(_SMALLEST_PART, smallest + unit)
    with one_blas_thread() as alone:
        count = min(available_cores(), most) if alone and most > 1 else 1  # cores are asked of the system
        edges = [height // unit * k // count * unit for k in range(count + 1)]
        if count == 1:
            compute(0, height)
            return
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(compute, edges[:-1], edges[1:]))
