"""Mean of each channel over the picture, or along lines: an exact sum, then one division, rounded once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding, rounded_once, saturate
from ..window import WHOLE, Window
from .operator import OneSource, Tensor, Work, nearer_grid

# Letters of the shape comments: H, W rows and columns; C channels, the last axis.

FARTHEST = 15
"""Most bits between the grids of source and result: int64 holds all steps of 2**31 pixels of 16 bits then."""


class Along(Enum):
    """Which pixels a mean goes over."""

    PICTURE = "picture"
    """All: one pixel is left."""
    ROWS = "rows"
    """Those of a row, each of which is given the mean: the size stays."""
    COLUMNS = "columns"
    """Those of a column, likewise."""

    @property
    def axes(self) -> tuple[int, ...]:
        """Of codes (H, W, C)."""
        return {Along.PICTURE: (0, 1), Along.ROWS: (1,), Along.COLUMNS: (0,)}[self]

    @property
    def window(self) -> Window:
        """All of the picture; of a row all its columns, which no tile has, and of a column all rows."""
        return WHOLE if self is Along.PICTURE else Window(any_row=True)


def divide(numerator: NDArray[np.int64], denominator: int, rounding: Rounding) -> NDArray[np.int64]:
    """The quotient of whole numbers with ONE rounding, by the rules of eq. 5 (eq. 36).

    Args:
        numerator: Any shape, of magnitudes below 2**62.
        denominator: 1..2**61.
        rounding: The tie rule; double is half away here, where no bit is dropped before another.

    >>> [divide(np.array([-6, -2, 2, 6]), 4, rule).tolist() for rule in Rounding]  # -1.5, -0.5, 0.5, 1.5
    [[-2, 0, 0, 2], [-1, 0, 1, 2], [-2, -1, 1, 2], [-2, -1, 0, 1], [-2, -1, 1, 2]]
    >>> divide(np.array([-4, 5]), 3, Rounding.HALF_EVEN).tolist()  # -1.33, 1.67
    [-1, 2]
    """
    floor: NDArray[np.int64] = numerator // denominator
    return rounded_once(numerator, floor, 2 * (numerator - floor * denominator), denominator, rounding)


def global_average(
    x: Codes, source: Format, out: Format, rounding: Rounding, along: Along = Along.PICTURE
) -> Codes:
    """The mean of each channel on the grid of a format, rounded once (eq. 36).

    y[c] = saturate(round(2**(f_y - f_x) * sum of all x[:, :, c] / (H * W)))

    Args:
        x: Codes (H, W, C).
        source: Format of ``x``.
        out: Format of the result; grids are at most 15 bits apart.
        rounding: The tie rule.
        along: What it goes over.

    Returns:
        Codes (1, 1, C); (H, W, C) along rows or columns.

    >>> x = np.array([[[1, 0], [2, -5]]], np.int8)  # means 3/2 and -5/2
    >>> s8 = Format(True, 8, 8)
    >>> [global_average(x, s8, s8, rule).ravel().tolist() for rule in Rounding]
    [[2, -2], [2, -2], [2, -3], [1, -3], [2, -3]]
    """
    means = saturate(divide(*mean_parts(x, source, out, along), rounding), out)
    return means if along is Along.PICTURE else np.broadcast_to(means, x.shape).copy()


def mean_parts(x: Codes, source: Format, out: Format, along: Along) -> tuple[NDArray[np.int64], int]:
    """Numerator (1, 1, C), (H, 1, C) or (1, W, C), and denominator, of means that are not rounded (eq. 36).

    >>> s8, s9 = Format(True, 8, 8), Format(True, 8, 9)
    >>> numerator, denominator = mean_parts(np.array([[[1], [2]]], np.int8), s8, s9, Along.PICTURE)
    >>> numerator.item(), denominator
    (6, 2)
    """
    total = x.sum(axis=along.axes, dtype=np.int64, keepdims=True)
    finer = out.frac - source.frac
    count = math.prod(x.shape[axis] for axis in along.axes)
    return total << max(finer, 0), count << max(-finer, 0)


@dataclass(frozen=True)
class GlobalAverage(OneSource):
    """Mean of each channel over the picture (eq. 36): a tensor of one pixel, whatever the picture's size.

    The last pixel must have come before it is known, so a network with one cannot run row by row. A mean
    along rows or columns is given to each of their pixels, so that it meets the others of its row or column.

    Attributes:
        out: Format of the result.
        along: What it goes over.
    """

    out: Format
    along: Along = field(default=Along.PICTURE, metadata={"later": True})

    @property
    def window(self) -> Window:
        """All of the picture, or of a line."""
        return self.along.window

    def check(self) -> None:
        """What it goes over."""
        if not isinstance(self.along, Along):
            raise HwrtsError(f"{self.where}: a mean along {self.along!r}; use {', '.join(map(str, Along))}")

    def made(self, *sources: Tensor) -> Tensor:
        """One pixel of as many channels, or as many pixels."""
        (x,) = sources
        if abs(self.out.frac - x.out.frac) > FARTHEST:
            raise HwrtsError(
                f"{self.where}: a mean of {x.out} as {self.out}: grids more than {FARTHEST} bits apart; "
                "use a format nearer to its source's"
            )
        return x.seen(self.window, self.name, x.channels, self.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Means (1, 1, C), or (H, W, C) (eq. 36)."""
        (x,), (source,) = xs, formats
        return global_average(x, source, self.out, rounding, self.along)

    def rounds(self, *formats: Format) -> NDArray[np.bool_]:
        """How many pixels a picture has is not known before it comes."""
        return np.ones(1, np.bool_)

    def unrounded(
        self, xs: Sequence[Codes], formats: Sequence[Format]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sums and how many codes they are of, once a line where it goes along lines (eq. 36)."""
        (x,), (source,) = xs, formats
        numerator, denominator = mean_parts(x, source, self.out, self.along)
        return numerator, np.asarray(denominator, np.int64)

    def work(self, made: Tensor) -> Work:
        """An addition for each code, and a division for each channel of a picture: neither is counted."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "GlobalAverage":
        """On a grid one bit off, where that shows; else one code off, which no number of it can say."""
        sizes = np.abs(codes.astype(np.int64))
        if bool(((sizes >= 2) & (sizes < self.out.max // 2)).any()):
            return replace(self, out=nearer_grid(self.out))
        return _OneOff(self.name, self.source, self.out, self.along)


class _OneOff(GlobalAverage):
    """Each code one lower, the smallest one higher; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        codes = super().define(xs, formats, rounding).astype(np.int64)
        return saturate(np.where(codes > self.out.min, codes - 1, codes + 1), self.out)
