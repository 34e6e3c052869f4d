"""A tensor on its way to one reader of a run by rows, and the rows of it that are kept there."""

from collections import deque

from .lines import Edge
from .rows import Row
from .window import Window


class Wire:
    """A tensor on its way to one reader, and the rows of it that are kept there.

    Args:
        edge: As it is planned.
        window: Of the reader.
        owner: The wire whose rows this one reads when they are new to it, if it has no FIFO of its own.
    """

    def __init__(self, edge: Edge, window: Window, owner: "Wire | None") -> None:
        self.edge, self._owner = edge, owner
        self._shrink, self._before, self._kernel = window.shrink, window.before, window.kernel
        self._rows: deque[Row] = deque()
        self._kept = 0  # codes in them
        self._first = 0  # number of the first row that is kept
        self._needed = 0  # rows above it are read no more
        self.peak = 0

    def arrive(self, row: Row) -> None:
        """Take a new row of the source; with an owner it is read there when its time has come."""
        if self._owner is None:
            self._append(row)

    def _append(self, row: Row) -> None:
        if self._first + len(self._rows) < self._needed:
            self._first += 1
        else:
            self._rows.append(row)
            self._kept += row.size

    def read(self, step: int, end: int | None) -> list[Row | None]:
        """The K rows that a step looks at; rows above the picture, or from row ``end`` on, are None."""
        first = step * self._shrink - self._before
        last = first + self._kernel - 1
        if self._owner is not None and last >= 0 and (end is None or last < end):
            self._append(self._owner.row(last))
        return [self.row(i) if i >= 0 and (end is None or i < end) else None for i in range(first, last + 1)]

    def row(self, number: int) -> Row:
        """A row that is kept here, or where this wire reads."""
        place = number - self._first
        if self._owner is not None and place >= len(self._rows):
            return self._owner.row(number)
        assert place >= 0, "the plan let go of a row that is still read"
        return self._rows[place]

    def let_go(self, next_step: int) -> None:
        """Keep only what the reader's next steps look at, and count it."""
        self._needed = max(0, next_step * self._shrink - self._before)
        while self._rows and self._first < self._needed:
            self._kept -= self._rows.popleft().size
            self._first += 1
        if self._kept > self.peak:
            self.peak = self._kept
