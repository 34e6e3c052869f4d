"""The largest code over channels, the picture, rows or columns; codes are compared, none is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT, WHOLE, Window
from .operator import Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns; C channels, the last axis.


class Over(Enum):
    """What a maximum goes over."""

    CHANNELS = "channels"
    """All channels of a pixel: one channel is left."""
    PICTURE = "picture"
    """All pixels of a channel: one pixel is left, and the whole picture must be there."""
    ROWS = "rows"
    """All pixels of a row, each of which is given it: the size stays."""
    COLUMNS = "columns"
    """All pixels of a column, likewise."""


def maximum(x: Codes, over: Over) -> Codes:
    """The largest code of each pixel's channels (H, W, 1), or of each channel's pixels (1, 1, C) (eq. 37).

    Of rows or columns each pixel is given it: (H, W, C).

    >>> x = np.array([[[3, -7], [-4, 5]]], np.int8)
    >>> maximum(x, Over.CHANNELS).tolist(), maximum(x, Over.PICTURE).tolist()
    ([[[3], [5]]], [[[3, 5]]])
    """
    match over:
        case Over.CHANNELS:
            axis: int | tuple[int, int] = -1
        case Over.PICTURE:
            axis = (0, 1)
        case Over.ROWS:
            axis = 1
        case Over.COLUMNS:
            axis = 0
        case _:
            assert_never(over)
    found: Codes = x.max(axis=axis, keepdims=True)
    return np.broadcast_to(found, x.shape).copy() if over in (Over.ROWS, Over.COLUMNS) else found


@dataclass(frozen=True)
class Maximum(Moves):
    """The largest code over channels, the picture, or each row or column; the format stays (eq. 37).

    Attributes:
        over: Which of them.
    """

    over: Over

    @property
    def window(self) -> Window:
        """A pixel, or all of them."""
        if self.over is Over.CHANNELS:
            return POINT
        return WHOLE if self.over is Over.PICTURE else Window(any_row=True)

    def check(self) -> None:
        """What it goes over."""
        if not isinstance(self.over, Over):
            raise HwrtsError(f"{self.where}: a maximum over {self.over!r}; use {', '.join(map(str, Over))}")

    def made(self, *sources: Tensor) -> Tensor:
        """One channel, one pixel, or as many of both."""
        (x,) = sources
        return x.seen(self.window, self.name, 1 if self.over is Over.CHANNELS else x.channels, x.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Largest codes (eq. 37)."""
        (x,) = xs
        return maximum(x, self.over)

    def work(self, made: Tensor) -> Work:
        """Comparisons."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "Maximum":
        """The smallest codes, which no number of it can say."""
        return _Minimum(self.name, self.source, self.over)

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction | None:
        """Of channels, of a row at once."""
        if self.over is not Over.CHANNELS:
            return None

        def largest(windows: Sequence[Sequence[Row]]) -> list[Row]:
            return [windows[0][0].max(axis=-1, keepdims=True)]

        return largest


class _Minimum(Maximum):
    """Comparisons the wrong way round; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        (x,) = xs
        turned: Codes = -1 - maximum(-1 - x.astype(np.int64), self.over)
        return turned.astype(x.dtype)
