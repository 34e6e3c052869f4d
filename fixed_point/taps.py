"""A convolution of any shape at the speed of float: tap by tap, used only where it is proved exact.

Of grouped kernels each group is a matrix product of its own; where each channel has its own kernel
(depthwise) there is no product of matrices at all, but a sum of KH*KW rows, each times its weights.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from .convolution import Shape
from .formats import Format
from .requantize import Rounding
from .rows import FloatRounding, FloatRow, Row, WindowRows
from .window import Padding

# Letters of the shape comments: W columns of a row, W' of the result; I, O input and output channels;
# G groups; KH, KW rows and columns of the kernel; T the stride.

_Add = Callable[[FloatRow, int, int, FloatRow], None]
"""Adds what a tap makes of pixels (W', I) to sums (W', O)."""


class TapRows(WindowRows):
    """A convolution of any shape, one row (W', O) of the rows (W, I) of its window at a time (eq. 28 and 5).

    Weights and bias are scaled by 2**-shift beforehand, which is exact, as in ``ConvRows``. A row is padded
    once and kept as long as a window shows it; behind a stride it is kept as T rows of every T-th pixel, so
    that each tap sees pixels that lie side by side.

    Args:
        shape: Of the convolution.
        groups: G.
        weight_i8: Codes (O, I/G, KH, KW).
        bias_i32: Codes (O,).
        shift: Bits that each output channel drops, (O,).
        dtype: float32 where it is exact, else float64.
        out: Format of the result.
        rounding: The tie rule.
        width: W.
    """

    def __init__(
        self,
        shape: Shape,
        groups: int,
        weight_i8: NDArray[np.int8],
        bias_i32: NDArray[np.int32],
        shift: NDArray[np.int64],
        dtype: type[np.floating],
        out: Format,
        rounding: Rounding,
        width: int,
    ) -> None:
        super().__init__(self._convolved, shape.window)
        self._round = FloatRounding(shift, dtype, out, rounding)
        self._bias = np.ldexp(bias_i32 + self._round.raised, -shift).astype(dtype)  # (O,)
        scaled = np.ldexp(weight_i8.transpose(2, 3, 1, 0).astype(np.float64), -shift).astype(dtype)
        self._shape, self._dtype = shape, dtype
        self._width = shape.made_of(1, width)[1]  # W'
        self._add = _adder(scaled, groups, self._width)  # of (KH, KW, I/G, O)
        self._first = shape.window.before - shape.margins[0]  # of a window with rows that are only reflected
        self._kept: dict[int, tuple[Row, list[FloatRow]]] = {}

    def _convolved(self, windows: Sequence[Sequence[Row]]) -> list[Row]:
        shape = self._shape
        seen = windows[0][self._first : self._first + shape.reach[0] + 1 : shape.dilation]
        # a row is known by its identity, which is nobody else's as long as it is kept here
        kept = {id(row): self._kept.get(id(row)) or (row, self._padded(row)) for row in windows[0]}
        self._kept = kept
        acc = np.empty((self._width, len(self._bias)), self._dtype)  # (W', O)
        acc[...] = self._bias
        for ky, row in enumerate(seen):
            _, phases = kept[id(row)]
            for kx in range(shape.columns):
                first, phase = divmod(kx * shape.dilation, shape.stride)
                self._add(phases[phase][first : first + self._width], ky, kx, acc)
        self._round(acc, acc)
        return [acc]

    def _padded(self, row: Row) -> list[FloatRow]:
        """A row with its pads, as T rows of every T-th pixel."""
        _, left, _, right = self._shape.margins
        padded = np.zeros((left + len(row) + right, row.shape[1]), self._dtype)
        padded[left : left + len(row)] = row
        match self._shape.padding:
            case Padding.ZERO:
                pass  # they stand there already
            case Padding.REPLICATE:
                padded[:left], padded[left + len(row) :] = row[0], row[-1]
            case Padding.REFLECT:
                padded[:left], padded[left + len(row) :] = row[1 : left + 1][::-1], row[::-1][1 : right + 1]
            case _:
                assert_never(self._shape.padding)
        stride = self._shape.stride
        return [np.ascontiguousarray(padded[phase::stride]) for phase in range(stride)]


def _adder(weights: NDArray[np.floating], groups: int, width: int) -> _Add:
    """The way to add one tap of weights (KH, KW, I/G, O) to rows of so many pixels."""
    size, outputs = weights.shape[2:]
    each = outputs // groups
    product = np.empty((width, outputs), weights.dtype)

    def dense(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        np.matmul(pixels, weights[ky, kx], out=product)
        np.add(acc, product, out=acc)

    def grouped(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        for group in range(groups):
            inputs, own = slice(group * size, (group + 1) * size), slice(group * each, (group + 1) * each)
            acc[:, own] += pixels[:, inputs] @ weights[ky, kx, :, own]

    if groups == 1:
        return dense
    if size > 1:
        return grouped
    # the weights of a tap once for each pixel: NumPy then multiplies one long row by another
    spread = np.repeat(weights, width, axis=2)  # (KH, KW, W', O)

    def depthwise(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        own = pixels if each == 1 else np.repeat(pixels, each, axis=1)
        np.multiply(own, spread[ky, kx], out=product)
        np.add(acc, product, out=acc)

    return depthwise
