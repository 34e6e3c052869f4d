"""A convolution of any shape at the speed of float: tap by tap, used only where it is proved exact.

Of grouped kernels each group is a matrix product of its own; where each channel has its own kernel
(depthwise) there is no product of matrices at all, but a sum of KH*KW rows, each times its weights.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .convolution import Shape
from .formats import Format
from .requantize import Rounding, half_lsb
from .rows import FloatRow, Row, RowFunction, round_and_saturate
from .window import MODES

# Letters of the shape comments: W columns of a row, W' of the result; I, O input and output channels;
# G groups; KH, KW rows and columns of the kernel.


def tap_rows(
    shape: Shape,
    groups: int,
    weight_i8: NDArray[np.int8],
    bias_i32: NDArray[np.int32],
    shift: NDArray[np.int64],
    dtype: type[np.floating],
    out: Format,
    rounding: Rounding,
) -> RowFunction:
    """What makes a row (W', O) of the rows (W, I) of a convolution's window (eq. 28 and 5).

    Weights and bias are scaled by 2**-shift beforehand, which is exact; see :class:`hwrts.fixed_point.fast`.

    Args:
        shape: Of the convolution.
        groups: G.
        weight_i8: Codes (O, I/G, KH, KW).
        bias_i32: Codes (O,).
        shift: Bits that each output channel drops, (O,).
        dtype: float32 where it is exact, else float64.
        out: Format of the result.
        rounding: The tie rule.
    """
    raised = half_lsb(shift, rounding) if rounding is Rounding.HALF_UP else np.zeros_like(shift)
    bias = np.ldexp(bias_i32 + raised, -shift).astype(dtype)  # (O,)
    scaled = np.ldexp(weight_i8.transpose(2, 3, 1, 0).astype(np.float64), -shift).astype(dtype)
    add = _adder(scaled, groups)  # of (KH, KW, I/G, O)
    top, left, _, right = shape.margins
    first = shape.window.before - top  # of a window that holds rows to reflect

    def convolve(windows: Sequence[Sequence[Row]]) -> list[Row]:
        seen = windows[0][first : first + shape.reach[0] + 1 : shape.dilation]
        width = shape.made_of(1, seen[0].shape[-2])[1]
        acc = np.empty((*seen[0].shape[:-2], width, len(bias)), dtype)  # (..., W', O)
        acc[...] = bias
        for ky, row in enumerate(seen):
            padded = np.pad(
                row.astype(dtype, copy=False),
                [*[(0, 0)] * (row.ndim - 2), (left, right), (0, 0)],
                MODES[shape.padding],
            )
            for kx in range(shape.columns):
                add(padded[..., shape.seen(width, kx), :], ky, kx, acc)
        round_and_saturate(acc, acc, out, rounding)
        return [acc]

    return convolve


_Add = Callable[[FloatRow, int, int, FloatRow], None]
"""Adds what a tap makes of pixels (..., W', I) to sums (..., W', O)."""


def _adder(weights: NDArray[np.floating], groups: int) -> _Add:
    """The way to add one tap of weights (KH, KW, I/G, O)."""
    size, outputs = weights.shape[2:]
    each = outputs // groups

    def dense(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        acc += pixels @ weights[ky, kx]

    def depthwise(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        acc += pixels * weights[ky, kx, 0]

    def multiplied(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        acc += np.repeat(pixels, each, axis=-1) * weights[ky, kx, 0]

    def grouped(pixels: FloatRow, ky: int, kx: int, acc: FloatRow) -> None:
        for group in range(groups):
            inputs, own = slice(group * size, (group + 1) * size), slice(group * each, (group + 1) * each)
            acc[..., own] += pixels[..., inputs] @ weights[ky, kx, :, own]

    if groups == 1:
        return dense
    if size == 1:
        return depthwise if each == 1 else multiplied
    return grouped
