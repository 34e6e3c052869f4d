"""Multiplication by a constant: one exact product, then one requantisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds, linear_reach
from ..codes import Codes
from ..formats import Format, weight_limit
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .checks import check_whole
from .operator import OneSource, Tensor, Work
from .requantised import Requantised, ends_of
from .tensor import Worst, plain

_MAX_FRAC = 32
"""Fraction bits of a constant, in either direction: as those of a format."""


def scale_accumulate(x: NDArray[np.integer], multiplier: int) -> NDArray[np.int64]:
    """The products of all codes with a constant whose value is multiplier * 2**-k (eq. 15).

    acc = multiplier * x, on the grid of x with k fraction bits more

    Args:
        x: Codes, any shape.
        multiplier: -127..127; with codes of 8 bits a product fits 16.

    Returns:
        Accumulators of the same shape, int64; of codes of 16 bits they stay below 2**23.

    >>> from ..requantize import Rounding, requantize
    >>> acc = scale_accumulate(np.array([-6, -2, 2, 6], np.int8), 3)  # times 3/4: -4.5, -1.5, 1.5, 4.5
    >>> requantize(acc, 8 + 2, Format(True, 8, 8), Rounding.HALF_EVEN).tolist()
    [-4, -2, 2, 4]
    """
    return x.astype(np.int64) * multiplier


@dataclass(frozen=True)
class Scale(OneSource, Requantised):
    """Product with the constant multiplier * 2**-frac, requantised once (eq. 15).

    Attributes:
        multiplier: -127..127.
        frac: Fraction bits of the multiplier.
        out: Format of the result.
    """

    multiplier: int
    frac: int
    out: Format

    AS_CONVOLUTIONS = True
    EVERY_CODE = True
    window = POINT

    def check(self) -> None:
        """The range of the constant."""
        check_whole(self.where, "multiplier", self.multiplier, -weight_limit(8), weight_limit(8))
        check_whole(self.where, "frac", self.frac, -_MAX_FRAC, _MAX_FRAC)

    def made(self, *sources: Tensor) -> Tensor:
        """The shape of its source."""
        (x,) = sources
        return replace(x, name=self.name, out=self.out)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the product."""
        (x,) = formats
        return x.frac + self.frac

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Products (H, W, C) (eq. 15)."""
        (x,) = xs
        return scale_accumulate(x, self.multiplier)

    def reach(self, *formats: Format) -> Bounds:
        """Of all channels, (1,): linear with one weight."""
        return linear_reach(np.array([[self.multiplier]], np.int64), formats)

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ends of the source's range, (1,)."""
        (x,) = formats
        acc = scale_accumulate(np.array([[x.min], [x.max]]), self.multiplier)  # (2, 1)
        return acc.min(axis=0), acc.max(axis=0)

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """The ends of the source's range."""
        return ends_of(self.sources, sources)

    def work(self, made: Tensor) -> Work:
        """A product for each code; once is none."""
        return Work() if self.multiplier == 1 else Work(multiplications=plain(made.channels * made.scale**2))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """The constant one nearer to zero, or 1 where it is zero."""
        return replace(
            self, multiplier=self.multiplier - int(np.sign(self.multiplier)) if self.multiplier else 1
        )

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """One product, in float."""
        grid = self.float_grid(formats, rounding)
        factor = grid.dtype(self.multiplier * grid.unit)

        def scale(windows: Sequence[Sequence[Row]]) -> list[Row]:
            return [grid.requantised(np.multiply(windows[0][0], factor, dtype=grid.dtype))]

        return scale
