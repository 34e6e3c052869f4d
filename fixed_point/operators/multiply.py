"""Product of two tensors: one exact product of codes, then one requantisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .operator import Tensor, Work, nearer_grid
from .requantised import Requantised, ends_of
from .spread import NEED, spread, spreads
from .tensor import Worst, plain


def multiply_accumulate(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int64]:
    """The products of two tensors' codes; what one has a single of meets all of the other (eq. 24).

    acc = a * b, on the grid that has the fraction bits of both

    Args:
        a: Codes (..., C), or (..., 1), or (1, 1, C) of a tensor of one pixel.
        b: Codes likewise.

    Raises:
        HwrtsError: Operands of different shapes.

    >>> from ..requantize import Rounding, requantize
    >>> acc = multiply_accumulate(np.array([[-3, 5, 127]], np.int8), np.array([[128]], np.uint8))
    >>> acc.tolist()
    [[-384, 640, 16256]]
    >>> requantize(acc, 8 + 8, Format(True, 8, 8), Rounding.HALF_EVEN).tolist()  # times 1/2: -1.5, 2.5, 63.5
    [[-2, 2, 64]]
    """
    if not spreads(a.shape, b.shape):
        raise HwrtsError(f"multiply: shapes {a.shape} and {b.shape} differ; {NEED}")
    return a.astype(np.int64) * b.astype(np.int64)


@dataclass(frozen=True)
class Multiply(Requantised):
    """Product of two tensors of one size, requantised once (eq. 24): a gate, or a tensor squared.

    One of one channel, a mask over the picture, is spread over the channels of the other; one of one pixel,
    which is made of a whole picture, over all pixels.

    Attributes:
        sources: Names of the tensors it reads; twice the same is a square.
        out: Format of the result.
    """

    sources: tuple[str, str]
    out: Format

    window = POINT
    AS_CONVOLUTIONS = True
    EVERY_CODE = True

    def check(self) -> None:
        """Two operands."""
        if len(self.sources) != 2:
            raise HwrtsError(f"{self.where}: multiplies {len(self.sources)} tensors; use exactly 2")

    def made(self, *sources: Tensor) -> Tensor:
        """The size of the one that is larger than a pixel, and the channels of the one with more of them."""
        return spread(self.where, self.name, self.out, *sources)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the product: those of both operands."""
        return sum(each.frac for each in formats)

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Products (H, W, C) (eq. 24)."""
        return multiply_accumulate(*xs)

    def reach(self, *formats: Format) -> Bounds:
        """Of all channels, (1,): between the products of the ranges' ends, a square's above 0."""
        a, b = formats
        corners = [p * q for p, q in product((a.min, a.max), (b.min, b.max))]
        lowest, largest = min(corners), a.magnitude * b.magnitude
        if self._square:
            lowest, corners = 0, [largest]
        one = np.ones(1, np.int64)
        return Bounds(lowest=one * lowest, highest=one * max(corners), partial_sum=one * largest)

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Both operands at each end of their ranges, (1,); a square at both ends and at code 0."""
        a, b = formats
        meeting = list(product((a.min, a.max), (b.min, b.max)))
        if self._square:
            meeting = [(code, code) for code in (a.min, 0, a.max)]
        acc = self.accumulate(list(np.array(meeting).T[..., None]), formats)  # (n, 1)
        return acc.min(axis=0), acc.max(axis=0)

    @property
    def _square(self) -> bool:
        """Whether both operands are one tensor, whose codes then never have different signs."""
        return self.sources[0] == self.sources[1]

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Each operand at each end of its range, and 0, where a square is least."""
        return ends_of(self.sources, sources)

    def work(self, made: Tensor) -> Work:
        """A product for each code."""
        return Work(multiplications=plain(made.channels * made.scale**2))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Shifted by one bit too few, or too many."""
        return replace(self, out=nearer_grid(self.out))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Products, in float."""
        grid = self.float_grid(formats, rounding)
        unit, dtype = grid.dtype(grid.unit), grid.dtype

        def multiply(windows: Sequence[Sequence[Row]]) -> list[Row]:
            (a,), (b,) = windows
            scaled = np.multiply(a, unit, dtype=dtype)
            return [grid.requantised(np.multiply(scaled, b, dtype=dtype))]

        return multiply
