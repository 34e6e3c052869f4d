"""Concatenation of channels: operands on one grid, then one requantisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from .requantised import Requantised
from .tensor import Worst


def concat_accumulate(
    xs: Sequence[NDArray[np.integer]], formats: Sequence[Format]
) -> tuple[NDArray[np.int64], int]:
    """The channels of all operands behind one another on the finest of their grids, and its fraction bits.

    acc[c] = x_n[c - first channel of n] << (f - f_n) with f = max f_n (eq. 23)

    Args:
        xs: Codes (..., C_n) of each operand.
        formats: Their formats.

    >>> from ..requantize import Rounding, requantize
    >>> u8, s9 = Format(False, 8, 8), Format(True, 9, 9)
    >>> acc, frac = concat_accumulate([np.array([255, 3]), np.array([-7, 9, 255])], [u8, s9])
    >>> acc.tolist(), frac
    ([510, 6, -7, 9, 255], 9)
    >>> requantize(acc, frac, u8, Rounding.HALF_EVEN).tolist()  # 255, 3, -3.5, 4.5, 127.5
    [255, 3, 0, 4, 128]
    """
    frac = max(each.frac for each in formats)
    aligned = [x.astype(np.int64) << (frac - each.frac) for x, each in zip(xs, formats, strict=True)]
    return np.concatenate(aligned, axis=-1), frac


@dataclass(frozen=True)
class Concat(Requantised):
    """The channels of two or more tensors behind one another, requantised once (eq. 23).

    Where all formats are equal no code changes: wires. Operands on other grids than ``out`` are shifted.

    Attributes:
        sources: Names of the tensors it reads, in the order of their channels.
        out: Format of the result.
    """

    sources: tuple[str, ...]
    out: Format

    window = POINT

    def check(self) -> None:
        """Two operands or more."""
        if len(self.sources) < 2:
            raise HwrtsError(f"{self.where}: concatenates {len(self.sources)} tensors; use 2 or more")

    def made(self, *sources: Tensor) -> Tensor:
        """All channels of tensors of one size."""
        first = sources[0]
        for each in sources:
            if each.shape != first.shape:
                raise HwrtsError(
                    f"{self.where}: {first.name!r} has {first.described}, {each.name!r} {each.described}; "
                    "all operands need the same size"
                )
        channels = sum(each.channels for each in sources)
        return replace(first, name=self.name, channels=channels, out=self.out)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the finest operand's grid."""
        return max(each.frac for each in formats)

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Aligned codes (H, W, C) (eq. 23)."""
        return concat_accumulate(xs, formats)[0]

    def reach(self, *formats: Format) -> Bounds:
        """Of all channels, (1,): the widest of what each operand reaches on its own."""
        finest = self.acc_frac(*formats)
        alone = np.diag([1 << min(finest - each.frac, FARTHEST_GRIDS) for each in formats])  # (n, n)
        each = linear_reach(alone.astype(np.int64), formats)
        return Bounds(
            lowest=each.lowest.min(keepdims=True),
            highest=each.highest.max(keepdims=True),
            partial_sum=each.partial_sum.max(keepdims=True),
        )

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every operand at both ends of its range, (1,)."""
        codes = [np.array([each.min, each.max]) for each in formats]
        reached = self.accumulate(codes, formats)  # (2n,)
        return reached.min(keepdims=True), reached.max(keepdims=True)

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """All operands at one end, then at the other: their codes do not meet."""
        formats = {name: each.out for name, each in zip(self.sources, sources, strict=True)}
        return tuple(
            {name: out.min if low else out.max for name, out in formats.items()} for low in (True, False)
        )

    def work(self, made: Tensor) -> Work:
        """Nothing is multiplied."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """The operands in reverse; where they are alike, shifted by one bit too few, or too many."""
        first, last = xs[0], xs[-1]
        if self.sources[0] != self.sources[-1] and not np.array_equal(first, last):
            return replace(self, sources=self.sources[::-1])
        return replace(self, out=nearer_grid(self.out))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Operands times their weights, in float, each into its own channels."""
        grid = self.float_grid(formats, rounding)
        finest, dtype = self.acc_frac(*formats), grid.dtype
        factors = [dtype(np.ldexp(grid.unit, finest - each.frac)) for each in formats]

        def concat(windows: Sequence[Sequence[Row]]) -> list[Row]:
            rows = [window[0] for window in windows]
            ends = np.cumsum([row.shape[-1] for row in rows])
            acc = np.empty((*rows[0].shape[:-1], ends[-1]), dtype)  # (W, C)
            for row, factor, end in zip(rows, factors, ends, strict=True):
                np.multiply(row, factor, out=acc[..., end - row.shape[-1] : end], dtype=dtype)
            return [grid.requantised(acc)]

        return concat
