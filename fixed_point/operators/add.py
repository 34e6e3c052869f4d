"""Addition and subtraction of two tensors: aligned and added exactly, then one requantisation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..bounds import FARTHEST_GRIDS, Bounds, linear_reach
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .operator import Tensor, Work, nearer_grid
from .requantised import Requantised, ends_of
from .spread import NEED, spread, spreads
from .tensor import Worst


def add_accumulate(
    a: NDArray[np.integer],
    a_format: Format,
    b: NDArray[np.integer],
    b_format: Format,
    negated: bool = False,
) -> tuple[NDArray[np.int64], int]:
    """The exact sum of two tensors on the finer of their grids, and that grid's fraction bits (eq. 6).

    acc = (a << (f - f_a)) + (b << (f - f_b)) with f = max(f_a, f_b), or their difference (eq. 32)

    Args:
        a: Codes of ``a_format``, any shape; one channel or one pixel (1, 1, C) meets all of the other.
        a_format: Format of ``a``.
        b: Codes of ``b_format``, the same shape or likewise.
        b_format: Format of ``b``.
        negated: Subtract ``b``.

    Raises:
        HwrtsError: Operands of different shapes.

    >>> from ..requantize import Rounding, requantize
    >>> u8, s9 = Format(False, 8, 8), Format(True, 9, 9)
    >>> acc, frac = add_accumulate(np.array([250, 3, 4]), u8, np.array([20, -7, 1]), s9)
    >>> requantize(acc, frac, u8, Rounding.HALF_EVEN).tolist()  # 260, -0.5, 4.5
    [255, 0, 4]
    >>> acc, frac = add_accumulate(np.array([250, 3, 4]), u8, np.array([20, -7, 1]), s9, negated=True)
    >>> requantize(acc, frac, u8, Rounding.HALF_EVEN).tolist()  # 240, 6.5, 3.5
    [240, 6, 4]
    """
    if not spreads(a.shape, b.shape):
        raise HwrtsError(f"add: shapes {a.shape} and {b.shape} differ; {NEED}")
    frac = max(a_format.frac, b_format.frac)
    left, right = a.astype(np.int64) << (frac - a_format.frac), b.astype(np.int64) << (frac - b_format.frac)
    return left - right if negated else left + right, frac


@dataclass(frozen=True)
class Add(Requantised):
    """Sum or difference of two tensors of the same shape, requantised once (eq. 6, 32).

    One of one channel, or of one pixel, meets all channels and pixels of the other.

    Attributes:
        sources: Names of the tensors it reads.
        out: Format of the result.
        negated: Whether the second of them is subtracted.
    """

    sources: tuple[str, str]
    out: Format
    negated: bool = field(default=False, metadata={"later": True})

    window = POINT
    EVERY_CODE = True

    def check(self) -> None:
        """Two operands."""
        if len(self.sources) != 2:
            raise HwrtsError(f"{self.where}: adds {len(self.sources)} tensors; use exactly 2")
        if type(self.negated) is not bool:
            raise HwrtsError(f"{self.where}: negated is {self.negated!r}; use True or False")

    def made(self, *sources: Tensor) -> Tensor:
        """The shape of both, or of the one that is larger."""
        return spread(self.where, self.name, self.out, *sources)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the sum: the finer of the operands' grids (eq. 6)."""
        return max(each.frac for each in formats)

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Sums or differences (H, W, C) (eq. 6, 32)."""
        (a, b), (a_format, b_format) = xs, formats
        return add_accumulate(a, a_format, b, b_format, self.negated)[0]

    def reach(self, *formats: Format) -> Bounds:
        """Of all channels, (1,): an operand's weight is its alignment; a tensor less itself is 0."""
        finer = self.acc_frac(*formats)
        weight = [1 << min(finer - each.frac, FARTHEST_GRIDS) for each in formats]
        if self.negated:
            weight[1] = -weight[1]
        bounds = linear_reach(np.array([weight], np.int64), formats)
        nothing = np.zeros(1, np.int64)
        return replace(bounds, lowest=nothing, highest=nothing) if self._of_itself else bounds

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each operand at the end of its range that pushes the same way, (1,)."""
        a, b = ([each.min, each.max] for each in formats)
        codes = [np.array(a), np.array(b[::-1] if self.negated and not self._of_itself else b)]
        total = self.accumulate(codes, formats)
        return total[:1], total[1:]

    @property
    def _of_itself(self) -> bool:
        """Whether a tensor is subtracted from itself: then only equal codes meet."""
        return self.negated and self.sources[0] == self.sources[1]

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Each operand at each end of its range."""
        return ends_of(self.sources, sources)

    def work(self, made: Tensor) -> Work:
        """Nothing is multiplied."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Shifted by one bit too few, or too many; a difference is added up."""
        return replace(self, negated=False) if self.negated else replace(self, out=nearer_grid(self.out))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Operands times their weights, in float."""
        grid = self.float_grid(formats, rounding)
        finer, dtype = self.acc_frac(*formats), grid.dtype
        factors = [dtype(np.ldexp(grid.unit, finer - each.frac)) for each in formats]
        if self.negated:
            factors[1] = -factors[1]

        def add(windows: Sequence[Sequence[Row]]) -> list[Row]:
            (a,), (b,) = windows
            scaled = (
                x if factor == 1 else np.multiply(x, factor, dtype=dtype)
                for x, factor in zip((a, b), factors, strict=True)
            )
            return [grid.requantised(np.add(*scaled, dtype=dtype))]

        return add
