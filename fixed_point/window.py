"""Which part of a picture an operator reads for one pixel, and how large a picture it makes of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from .errors import HwrtsError


class Padding(Enum):
    """What a convolution sees where its kernel reaches beyond the picture (eq. 2b, 29).

    | member    | left of 1 2 3 4, two codes |
    |-----------|----------------------------|
    | ZERO      | 0 0                        |
    | REPLICATE | 1 1                        |
    | REFLECT   | 3 2                        |
    """

    ZERO = "zero"
    """Code 0, value 0, in every layer: a frame as deep as all kernels reach looks darker to it."""
    REPLICATE = "replicate"
    """The nearest code inside, of each layer's own source. In hardware: addresses are clamped."""
    REFLECT = "reflect"
    """The code as far inside as this one is outside, the edge not repeated; the picture is larger."""


MODES: dict[Padding, Literal["constant", "edge", "reflect"]] = {
    Padding.ZERO: "constant",
    Padding.REPLICATE: "edge",
    Padding.REFLECT: "reflect",
}
"""What NumPy and ONNX call them."""


@dataclass(frozen=True)
class Window:
    """What is read for one pixel: all that halo, sizes, streaming and line memory need of an operator.

    Step g reads rows g*shrink - before .. g*shrink + after of each source and makes rows g*grow ..
    g*grow + grow - 1; the same of columns. Steps are counted from 0; there is one as long as row
    g*shrink + cut of the source exists.

    Attributes:
        before: Rows above.
        after: Rows below.
        grow: Factor by which height and width grow.
        padding: What lies outside the picture.
        shrink: Rows and columns from one step to the next.
        cut: How far ahead a step needs the source to go on, as a convolution without padding does; negative
            where it may have ended before.
        columns: (before, after, cut) of columns; None as of rows.
        whole: Whether the whole picture is read, for a single pixel; nothing else is said then.
        any_row: Whether any row of the first source may be read for a row, which ones depends on its size.
        like: Which of the sources has the size of the result; None where this one's says it.

    >>> Window.around(3) == Window(before=1, after=1)
    True
    """

    before: int = 0
    after: int = 0
    grow: int = 1
    padding: Padding = Padding.ZERO
    shrink: int = 1
    cut: int = 0
    columns: tuple[int, int, int] | None = None
    whole: bool = False
    any_row: bool = False
    like: int | None = None

    @property
    def unbounded(self) -> bool:
        """Whether the whole picture must be there before the first row: no number of rows is enough."""
        return self.whole or self.any_row

    @property
    def kernel(self) -> int:
        """Rows that are read at once."""
        return self.before + 1 + self.after

    @property
    def axes(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """(before, after, cut) of rows and of columns."""
        rows = (self.before, self.after, self.cut)
        return rows, rows if self.columns is None else self.columns

    def lacking(self, lacks: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns that the result lacks against scale * size, for those that its source lacks.

        >>> Window(before=0, after=2, cut=2).lacking((0, 0))  # a kernel of 3 without padding
        (2, 2)
        >>> Window(before=0, after=1, shrink=2, cut=1).lacking((0, 0))  # a mean of 2x2: nothing is left over
        (0, 0)
        """
        if self.whole:
            return ONE_PIXEL
        rows, columns = (
            (lack + cut) // self.shrink * self.grow
            for lack, (_, _, cut) in zip(lacks, self.axes, strict=True)
        )
        return rows, columns

    def made_of(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns that it makes of a source of any size; none are negative.

        >>> Window(before=1, after=1, shrink=2).made_of(5, 6)
        (3, 3)
        """
        if self.whole:
            return 1, 1
        rows, columns = (
            max(0, -((cut - size) // self.shrink)) * self.grow
            for size, (_, _, cut) in zip((height, width), self.axes, strict=True)
        )
        return rows, columns

    def smallest(self, axis: int) -> int:
        """Rows (axis 0) or columns (1) that its source needs, for one row and for a reflection."""
        before, after, cut = self.axes[axis]
        reach = max(before, after - cut) + 1 if self.padding is Padding.REFLECT else 1
        return max(1, cut + 1, reach)

    def check_source(self, where: str, height: int, width: int) -> None:
        """Refuse a source that is too small.

        Raises:
            HwrtsError: No row or column of the result would be left, or a reflection has nothing to show.
        """
        need = self.smallest(0), self.smallest(1)
        if height < need[0] or width < need[1]:
            raise HwrtsError(
                f"{where}: its source is {height}x{width}, it needs at least {need[0]}x{need[1]}; "
                "use a larger picture"
            )

    @staticmethod
    def around(kernel: int, grow: int = 1, *, padding: Padding = Padding.ZERO) -> "Window":
        """The window of an odd number of rows with the pixel in its middle."""
        return Window(kernel // 2, kernel // 2, grow, padding)


ONE_PIXEL = (-1, -1)
"""Rows and columns that a tensor of one pixel lacks, against 0 times the size of a picture."""

POINT = Window()
"""Of an operator that makes each pixel of the same pixel of its sources."""

WHOLE = Window(whole=True)
"""Of an operator that makes one pixel of the whole picture."""
