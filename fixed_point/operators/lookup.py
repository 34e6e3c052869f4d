"""Any function of a single code, as a table: one entry for each code that the source can have."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .operator import Constant, OneSource, Tensor, Work

# Letters of the shape comments: H, W rows and columns; C channels, the last axis; T entries, 2**bits.

_MAX_ENTRIES = 1 << 16
"""Entries of a table: as many as the widest format has codes."""


def lookup(x: NDArray[np.integer], table_i16: NDArray[np.int16], source: Format) -> NDArray[np.int16]:
    """The entry of each code; the smallest code has the first one (eq. 26).

    y = table[x - min]

    Args:
        x: Codes, any shape.
        table_i16: Codes of the result (T,).
        source: Format of ``x``; it has T codes.

    >>> table = np.array([0, 1, 3, 3], np.int16)  # of the codes -2, -1, 0, 1
    >>> lookup(np.array([1, -2, 0], np.int8), table, Format(True, 2, 8)).tolist()
    [3, 0, 3]
    """
    return table_i16[x.astype(np.int64) - source.min]


@dataclass(frozen=True, eq=False)
class Lookup(OneSource):
    """A table of one entry for each code (eq. 26): nothing is computed, so there is nothing to prove.

    Whoever made the table has rounded already, once, and saturated; which function it is of is not said.

    Attributes:
        table_i16: Codes of the result (T,) int16, that of the source's smallest code first.
        out: Format of the result.
    """

    table_i16: NDArray[np.int16]
    out: Format

    window = POINT

    def check(self) -> None:
        """Dtype, shape and range of the entries."""
        table, out = self.table_i16, self.out
        if table.dtype != np.int16 or table.ndim != 1:
            raise HwrtsError(
                f"{self.where}: its table is {table.dtype} {table.shape}; use int16, one entry for each code"
            )
        if not 4 <= len(table) <= _MAX_ENTRIES or len(table) & (len(table) - 1):
            raise HwrtsError(f"{self.where}: a table of {len(table)} entries; use 2**bits of them, 4..65536")
        if int(table.min()) < out.min or int(table.max()) > out.max:
            raise HwrtsError(
                f"{self.where}: entries {table.min()}..{table.max()} leave {out.min}..{out.max} of {out}"
            )

    def made(self, *sources: Tensor) -> Tensor:
        """The shape of its source."""
        (x,) = sources
        if len(self.table_i16) != 1 << x.out.bits:
            raise HwrtsError(
                f"{self.where}: a table of {len(self.table_i16)} entries, "
                f"{x.name!r} has {1 << x.out.bits} codes; give one entry for each"
            )
        return replace(x, name=self.name, out=self.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Entries (H, W, C) (eq. 26)."""
        (x,), (source,) = xs, formats
        return lookup(x, self.table_i16, source).astype(self.out.dtype)

    def rounds(self, *formats: Format) -> NDArray[np.bool_]:
        """Whoever made the table has rounded."""
        return np.zeros(1, np.bool_)

    def unrounded(self, xs: Sequence[Codes], formats: Sequence[Format]) -> None:
        """Its entries are codes."""

    def stored(self) -> dict[str, Constant]:
        """The table, of codes of its result."""
        entries = self.table_i16.astype(np.int64)[:, None]
        return {"table": Constant(entries, ("entry", "one number"), self.out.bits, self.out.signed)}

    def work(self, made: Tensor) -> Work:
        """A memory that is read; nothing is multiplied."""
        return Work(entries=len(self.table_i16))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """The entry that is read most often, one lower, or one higher where it is the smallest code."""
        (x,) = xs
        seen, counts = np.unique(x, return_counts=True)
        lowest = -(len(self.table_i16) // 2) if x.dtype.kind == "i" else 0
        place = int(seen[counts.argmax()]) - lowest
        table = self.table_i16.copy()
        table[place] += -1 if table[place] > self.out.min else 1
        return replace(self, table_i16=table)

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """One index, whether codes come as integers or as float numbers."""
        (source,) = formats
        table = self.table_i16.astype(self.out.dtype)

        def entries(windows: Sequence[Sequence[Row]]) -> list[Row]:
            index = np.subtract(windows[0][0], source.min, dtype=np.int32, casting="unsafe")
            return [table[index]]

        return entries
