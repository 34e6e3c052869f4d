"""Leaky ReLU with a slope for each channel: one shift or one product, then one requantisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format, weight_limit
from ..requantize import MIN_SHIFT, Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .checks import check_whole
from .operator import OneSource, Tensor, Work
from .requantised import Requantised, ends_of
from .tensor import Worst, plain

# Letters of the shape comments: H, W rows and columns; C channels, the last axis.

_MAX_SLOPE_FRAC = -MIN_SHIFT
"""Fraction bits of slopes: positive codes are shifted left by them, as far as the shifter goes."""


def prelu_accumulate(
    x: NDArray[np.integer], slope_i8: NDArray[np.int8], slope_frac: int
) -> NDArray[np.int64]:
    """Codes as they are from zero on, times their channel's slope below; both on one grid (eq. 16).

    acc = x * 2**k where x >= 0, slope[c] * x where x < 0, on the grid of x with k = slope_frac bits more

    Args:
        x: Codes (..., C).
        slope_i8: Codes (C,), -127..127; the value of a slope is code * 2**-k.
        slope_frac: k, 0..24.

    Returns:
        Accumulators (..., C), int64; the caller's proof is that they fit int32.

    >>> from ..requantize import Rounding, requantize
    >>> acc = prelu_accumulate(np.array([[3], [-2], [-6]], np.int8), np.array([1], np.int8), 2)  # slope 1/4
    >>> requantize(acc, 8 + 2, Format(True, 8, 8), Rounding.HALF_EVEN)[:, 0].tolist()
    [3, 0, -2]
    """
    wide = x.astype(np.int64)
    return np.where(wide >= 0, wide << slope_frac, wide * slope_i8)


@dataclass(frozen=True, eq=False)
class PRelu(OneSource, Requantised):
    """Leaky ReLU with one slope per channel below zero, requantised once (eq. 16).

    Attributes:
        slope_i8: Codes (C,) int8, symmetric.
        slope_frac: Fraction bits of all slopes, 0..24.
        out: Format of the result.
    """

    slope_i8: NDArray[np.int8]
    slope_frac: int
    out: Format

    AS_CONVOLUTIONS = True
    EVERY_CODE = True
    window = POINT

    def check(self) -> None:
        """Dtype, shape and range of the slopes."""
        slope, largest = self.slope_i8, weight_limit(8)
        if slope.dtype != np.int8 or slope.ndim != 1 or not len(slope):
            raise HwrtsError(
                f"{self.where}: slopes are {slope.dtype} {slope.shape}; use int8, one for each channel"
            )
        if int(slope.min()) < -largest:
            raise HwrtsError(f"{self.where}: a slope code is outside -{largest}..{largest}")
        check_whole(self.where, "slope_frac", self.slope_frac, 0, _MAX_SLOPE_FRAC)

    def made(self, *sources: Tensor) -> Tensor:
        """The shape of its source."""
        (x,) = sources
        if len(self.slope_i8) != x.channels:
            raise HwrtsError(
                f"{self.where}: has {len(self.slope_i8)} slopes, {x.name!r} has {x.channels} channels; "
                "give one for each"
            )
        return replace(x, name=self.name, out=self.out)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the accumulator."""
        (x,) = formats
        return x.frac + self.slope_frac

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Shifted codes or products (H, W, C) (eq. 16)."""
        (x,) = xs
        return prelu_accumulate(x, self.slope_i8, self.slope_frac)

    def reach(self, *formats: Format) -> Bounds:
        """Of each channel, (C,): linear on each side of zero."""
        (x,) = formats
        below, above = self.slope_i8.astype(np.int64) * x.min, x.max << self.slope_frac
        lowest, highest = np.minimum(below, 0), np.maximum(below, above)
        return Bounds(lowest, highest, np.maximum(highest, -lowest))

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ends of both straight lines, (C,)."""
        (x,) = formats
        ends = np.array([x.min, 0, x.max])[:, None]  # (3, 1)
        acc = prelu_accumulate(ends, self.slope_i8, self.slope_frac)  # (3, C)
        return acc.min(axis=0), acc.max(axis=0)

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """The ends of both straight lines."""
        return ends_of(self.sources, sources)

    def work(self, made: Tensor) -> Work:
        """A product for each code."""
        return Work(slopes=self.slope_i8.size, multiplications=plain(made.channels * made.scale**2))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """The slope of the most negative channel with a wrong sign, or 1 where it is zero."""
        (x,) = xs
        channel = int(np.minimum(x.astype(np.int64), 0).sum(axis=(0, 1)).argmin())
        slope = self.slope_i8.copy()
        slope[channel] = -slope[channel] or 1
        return replace(self, slope_i8=slope)

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Two products and a choice, in float."""
        grid = self.float_grid(formats, rounding)
        above = grid.dtype(np.ldexp(grid.unit, self.slope_frac))
        below = (self.slope_i8 * grid.unit).astype(grid.dtype)  # (C,)

        def prelu(windows: Sequence[Sequence[Row]]) -> list[Row]:
            x = windows[0][0].astype(grid.dtype, copy=False)
            return [grid.requantised(np.where(x >= 0, x * above, x * below))]

        return prelu
