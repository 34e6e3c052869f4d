"""Space-to-depth: codes move from pixels to channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import Window
from .checks import check_whole
from .operator import MAX_ENLARGEMENT, Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns of the source; C its channels; R block size.


def space_to_depth(x: NDArray[np.integer], block: int) -> NDArray[np.integer]:
    """Pixels become channels, in the order of torch's PixelUnshuffle (eq. 31).

    Channel c at (y*R + i, x*R + j) goes to channel c*R*R + i*R + j at (y, x).

    Args:
        x: Codes (H, W, C); R divides H and W.
        block: R, the factor by which height and width shrink.

    >>> space_to_depth(np.arange(4).reshape(2, 2, 1), 2)[0, 0].tolist()
    [0, 1, 2, 3]
    """
    height, width, channels = x.shape
    split = x.reshape(height // block, block, width // block, block, channels)  # (H/R, R, W/R, R, C)
    return split.transpose(0, 2, 4, 1, 3).reshape(height // block, width // block, -1)  # (H/R, W/R, C*R*R)


@dataclass(frozen=True)
class SpaceToDepth(Moves):
    """Pixels to channels by ``block``, 2..16; codes and format stay (eq. 31)."""

    block: int

    @property
    def window(self) -> Window:
        """A square of pixels for each."""
        return Window(after=self.block - 1, shrink=self.block, cut=self.block - 1)

    def check(self) -> None:
        """The range of the block."""
        check_whole(self.where, "block", self.block, 2, MAX_ENLARGEMENT)

    def made(self, *sources: Tensor) -> Tensor:
        """R*R times as many channels, the height and width divided by R."""
        (x,) = sources
        if any(lack % self.block for lack in x.lacks):
            raise HwrtsError(
                f"{self.where}: {x.name!r} has {x.described}, which does not divide by {self.block}; "
                "pad the convolutions in front"
            )
        return x.seen(self.window, self.name, x.channels * self.block**2, x.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Moved codes (H/R, W/R, C*R*R) (eq. 31)."""
        (x,) = xs
        if x.shape[0] % self.block or x.shape[1] % self.block:
            raise HwrtsError(
                f"{self.where}: its source is {x.shape[0]}x{x.shape[1]}; use multiples of {self.block}"
            )
        return space_to_depth(x, self.block)

    def work(self, made: Tensor) -> Work:
        """Wires."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "SpaceToDepth":
        """Rows and columns of each square exchanged, which no number of it can say."""
        return _Transposed(self.name, self.source, self.block)

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """R rows, each cut into pieces of R pixels."""
        block = self.block

        def moved(windows: Sequence[Sequence[Row]]) -> list[Row]:
            rows = np.stack(windows[0], axis=-1)  # (..., W, C, R)
            *front, width, channels, _ = rows.shape
            split = rows.reshape(*front, width // block, block, channels, block)  # (..., W/R, R, C, R)
            return [np.moveaxis(split, -3, -1).reshape(*front, width // block, -1)]

        return moved


class _Transposed(SpaceToDepth):
    """i and j of eq. 31 mixed up; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        right = super().define(xs, formats, rounding)
        split = right.reshape(*right.shape[:2], -1, self.block, self.block)
        return split.swapaxes(3, 4).reshape(right.shape)
