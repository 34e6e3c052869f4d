"""Which part of a picture an operator reads for one pixel."""

from dataclasses import dataclass
from enum import Enum


class Padding(Enum):
    """What a convolution sees where its kernel reaches beyond the picture (eq. 2).

    | member    | left of 1 2 3 4, two codes |
    |-----------|----------------------------|
    | ZERO      | 0 0                        |
    | REPLICATE | 1 1                        |
    """

    ZERO = "zero"
    """Code 0, value 0, in every layer: a frame as deep as all kernels reach looks darker to it."""
    REPLICATE = "replicate"
    """The nearest code inside, of each layer's own source. In hardware: addresses are clamped."""


@dataclass(frozen=True)
class Window:
    """What is read for one pixel: all that halo, streaming and line memory need of an operator.

    Step g reads rows g - before .. g + after of each source and makes rows g*grow .. g*grow + grow - 1; the
    same of columns.

    Attributes:
        before: Rows above.
        after: Rows below.
        grow: Factor by which height and width grow.
        replicate: Whether what lies outside the picture equals the nearest inside; else it is code 0.

    >>> Window.around(3)
    Window(before=1, after=1, grow=1, replicate=False)
    """

    before: int = 0
    after: int = 0
    grow: int = 1
    replicate: bool = False

    @property
    def kernel(self) -> int:
        """Rows that are read at once."""
        return self.before + 1 + self.after

    @staticmethod
    def around(kernel: int, grow: int = 1, *, replicate: bool = False) -> "Window":
        """The window of an odd number of rows with the pixel in its middle."""
        return Window(kernel // 2, kernel // 2, grow, replicate)


POINT = Window()
"""Of an operator that makes each pixel of the same pixel of its sources."""
