"""Max pooling: the largest code under a window; codes are compared, none is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..convolution import Pads, Shape
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import Padding, Window
from .checks import check_whole
from .operator import Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns of the source, H', W' of the result; C channels.

_MAX_SIDE = 32
"""Of a window and of its stride; those of the field have 2 to 7 rows."""


def max_pool(x: NDArray[np.integer], shape: Shape) -> NDArray[np.integer]:
    """The largest code of each window; what lies outside the picture is not looked at (eq. 30).

    Args:
        x: Codes (H, W, C).
        shape: Of the window, with its stride and pads.

    >>> row = np.array([[[5], [-6], [7], [-8]]], np.int8)
    >>> max_pool(row, Shape(1, 2, stride=2, pads=(0, 0, 0, 0))).ravel().tolist()
    [5, 7]
    >>> max_pool(row, Shape(1, 3, stride=2, pads=(0, 1, 0, 1))).ravel().tolist()
    [5, 7]
    """
    height, width = shape.made_of(*x.shape[:2])
    top, left, bottom, right = shape.margins
    smallest = np.iinfo(np.int64).min
    margins = ((top, bottom), (left, right), (0, 0))
    padded = np.pad(x.astype(np.int64), margins, constant_values=smallest)
    taps = [
        padded[shape.seen(height, ky), shape.seen(width, kx)]  # (H', W', C)
        for ky in range(shape.rows)
        for kx in range(shape.columns)
    ]
    largest: NDArray[np.integer] = reduce(np.maximum, taps).astype(x.dtype)
    return largest


@dataclass(frozen=True)
class MaxPool(Moves):
    """The largest code under a window; codes and format stay (eq. 30).

    Attributes:
        kernel: Rows and columns of the window.
        stride: Pixels of the source from one window to the next, in both directions.
        pads: By how much windows reach beyond the source, (top, left, bottom, right); less than the window,
            so that each holds a pixel of the picture.
    """

    kernel: tuple[int, int]
    stride: int
    pads: Pads = field(default=(0, 0, 0, 0), metadata={"later": True})

    @property
    def shape(self) -> Shape:
        """Of the window. Repeating the edge of a picture changes no maximum of windows that hold the edge."""
        rows, columns = self.kernel
        return Shape(rows, columns, self.stride, pads=self.pads, padding=Padding.REPLICATE)

    @property
    def window(self) -> Window:
        """The same, as streams and sizes read it."""
        return self.shape.window

    def check(self) -> None:
        """The ranges of its numbers."""
        if type(self.kernel) is not tuple or len(self.kernel) != 2:
            raise HwrtsError(f"{self.where}: kernel {self.kernel!r} is not (rows, columns)")
        for side, what in zip(self.kernel, ("rows", "columns"), strict=True):
            check_whole(self.where, f"a window's {what}", side, 1, _MAX_SIDE)
        check_whole(self.where, "stride", self.stride, 1, _MAX_SIDE)
        if type(self.pads) is not tuple or len(self.pads) != 4:
            raise HwrtsError(f"{self.where}: pads {self.pads!r} are not (top, left, bottom, right)")
        for pad, side in zip(self.pads, self.kernel * 2, strict=True):
            check_whole(self.where, "a pad", pad, 0, side - 1)

    def made(self, *sources: Tensor) -> Tensor:
        """A smaller picture of the same channels."""
        (x,) = sources
        return x.seen(self.window, self.name, x.channels, x.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Largest codes (H', W', C) (eq. 30)."""
        (x,) = xs
        self.window.check_source(self.where, *x.shape[:2])
        return max_pool(x, self.shape)

    def work(self, made: Tensor) -> Work:
        """Comparisons."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "MaxPool":
        """The smallest codes, which no number of it can say."""
        return _Smallest(self.name, self.source, self.kernel, self.stride, self.pads)

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """The largest of rows, then of columns."""
        shape = self.shape
        _, left, _, right = shape.margins

        def largest(windows: Sequence[Sequence[Row]]) -> list[Row]:
            row = reduce(np.maximum, windows[0])  # (..., W, C)
            width = shape.made_of(1, row.shape[-2])[1]
            padded = np.pad(row, [*[(0, 0)] * (row.ndim - 2), (left, right), (0, 0)], "edge")
            taps = [padded[..., shape.seen(width, kx), :] for kx in range(shape.columns)]
            return [reduce(np.maximum, taps)]

        return largest


class _Smallest(MaxPool):
    """Comparisons the wrong way round; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        (x,) = xs
        turned: Codes = -1 - max_pool(-1 - x.astype(np.int64), self.shape)
        return turned.astype(x.dtype)
