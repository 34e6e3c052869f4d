"""What was there beside what a network made of it: split at a line, side by side, or a piece enlarged.

Every code left of the line is one of the original, every code right of it one of the result; what is enlarged
is repeated, pixel by pixel, so that none is computed. Letters: H rows, W columns, S how much a network makes
pictures larger.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import DataError

LINE = 2
"""Columns of the line, black and white: it is seen on any picture, and even, as 4:2:0 needs it."""

SWEEP = "sweep"
SWEEP_SECONDS = 8
"""From the left to the right and back."""

Plane = NDArray[Any]
"""Codes (H, W), or (H, W, C)."""


@dataclass(frozen=True)
class Box:
    """A piece of the input, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"


@dataclass(frozen=True)
class Grid:
    """A picture whose colours may be coarser than its pixels.

    Attributes:
        height: H of the input.
        width: W.
        scale: S.
        down: Rows of the input to one of chroma.
        across: Columns, likewise.
    """

    height: int
    width: int
    scale: int
    down: int = 1
    across: int = 1


@dataclass(frozen=True)
class Look:
    """How a result is shown; as it is, if nothing is said.

    Attributes:
        split: Where the line stands, 0 (left) to 1; or :data:`SWEEP`.
        side_by_side: The original on the left, the result on the right.
        zoom: What of the input is shown.
    """

    split: float | str | None = None
    side_by_side: bool = False
    zoom: Box | None = None

    @property
    def plain(self) -> bool:
        """Whether the result is shown as it is."""
        return not self.beside and self.zoom is None

    @property
    def beside(self) -> bool:
        """Whether the original is shown too."""
        return self.split is not None or self.side_by_side

    def check(self, name: str, grid: Grid) -> None:
        """Refuse a piece that a picture does not have.

        Args:
            name: Of the picture, for messages.
            grid: Of it.

        Raises:
            DataError: It is not inside, or cuts through a pixel of chroma.
        """
        box = self.zoom
        if box is None:
            return
        if box.left + box.width > grid.width or box.top + box.height > grid.height:
            raise DataError(
                f"--zoom {box}: is not inside of {name}, {grid.width}x{grid.height}; give a piece of it as "
                "X,Y,W,H"
            )
        whole = _on(grid, box)
        if whole != box:
            raise DataError(
                f"--zoom {box}: cuts colours of {name}, one for {grid.across}x{grid.down} pixels, apart; "
                f"give {whole}"
            )

    def times(self, grid: Grid) -> int:
        """How often a pixel of the result is repeated, so that the piece is about as large as all of it."""
        if self.zoom is None:
            return 1
        return max(1, min(grid.height // self.zoom.height, grid.width // self.zoom.width))

    def size(self, grid: Grid) -> tuple[int, int]:
        """Rows and columns of what is shown."""
        height, width = self._half(grid)
        return height, 2 * width + _gap(width, grid) if self.side_by_side else width

    def planes(
        self, original: tuple[Plane, ...], made: tuple[Plane, ...], grid: Grid, white: tuple[int, ...],
        black: tuple[int, ...], seconds: float = 0.0,
    ) -> tuple[Plane, ...]:  # fmt: skip
        """What is shown, plane by plane: the first as fine as the pixels, others as coarse as the grid says.

        Args:
            original: Of the size of the result.
            made: The result.
            grid: Of both.
            white: The line's bright code, of each plane.
            black: Its dark one.
            seconds: Since the clip began, for a line that moves.
        """
        shown = []
        for index, (before, after) in enumerate(zip(original, made, strict=True)):
            down, across = (grid.down, grid.across) if index else (1, 1)
            left, right = (self._zoomed(each, grid, down, across) for each in (before, after))
            shown.append(self._joined(left, right, grid, across, (black[index], white[index]), seconds))
        return tuple(shown)

    def said(self, grid: Grid, method: str) -> list[str]:
        """In a line each; ``method`` enlarges the original where the network enlarges."""
        said = []
        if self.beside:
            how = f", enlarged by {method}" if grid.scale > 1 else ""
            said.append(f"left: the original{how}; right: what the network makes")
        if self.zoom is not None:
            more = f" of the network's x{grid.scale}" if grid.scale > 1 else ""
            said.append(f"--zoom {self.zoom}: every pixel{more} is {self.times(grid)}x{self.times(grid)}")
        return said

    def _half(self, grid: Grid) -> tuple[int, int]:
        box = self.zoom or Box(0, 0, grid.width, grid.height)
        times = self.times(grid) * grid.scale
        return box.height * times, box.width * times

    def _zoomed(self, plane: Plane, grid: Grid, down: int, across: int) -> Plane:
        if self.zoom is None:
            return plane
        box, scale, times = self.zoom, grid.scale, self.times(grid)
        rows = slice(box.top * scale // down, -(-(box.top + box.height) * scale // down))
        columns = slice(box.left * scale // across, -(-(box.left + box.width) * scale // across))
        height, width = self._half(grid)
        larger = plane[rows, columns].repeat(times, 0).repeat(times, 1)
        return larger[: -(-height // down), : -(-width // across)]

    def _joined(
        self, before: Plane, after: Plane, grid: Grid, across: int, line: tuple[int, int], seconds: float
    ) -> Plane:
        if not self.beside:
            return after
        _, width = self._half(grid)
        if self.side_by_side:
            gap = _gap(width, grid)
            edge, begin = before.shape[1], (width + gap) // across
            out = np.empty((len(after), begin + after.shape[1], *after.shape[2:]), after.dtype)
            out[:, :edge], out[:, begin:] = before, after
        else:
            column = int(self._at(seconds) * width) // grid.across * grid.across
            edge, begin = column // across, (column + LINE) // across
            out = np.concatenate([before[:, :edge], after[:, edge:]], axis=1)
        out[:, edge:begin] = line[1]
        if begin - edge > 1:
            out[:, edge : edge + 1] = line[0]
        return out

    def _at(self, seconds: float) -> float:
        if self.split == SWEEP:
            return 1 - abs(1 - 2 * (seconds / SWEEP_SECONDS % 1))
        return float(self.split or 0)


PLAIN = Look()
"""The result as it is."""


def _gap(width: int, grid: Grid) -> int:
    """Columns between two halves: the right one begins on a column of chroma."""
    return LINE + width % grid.across


def _on(grid: Grid, box: Box) -> Box:
    """The piece, larger so that it cuts through no pixel of chroma."""
    left, top = box.left // grid.across * grid.across, box.top // grid.down * grid.down
    right = min(grid.width, -(-(box.left + box.width) // grid.across) * grid.across)
    bottom = min(grid.height, -(-(box.top + box.height) // grid.down) * grid.down)
    return Box(left, top, right - left, bottom - top)
