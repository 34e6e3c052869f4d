"""Depth-to-space: codes move from channels to pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..window import Window
from .checks import check_whole
from .operator import MAX_ENLARGEMENT, Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns; C channels of the result; R block size.


def depth_to_space(x: NDArray[np.integer], block: int) -> NDArray[np.integer]:
    """Channels become pixels, ONNX mode CRD as in PixelShuffle (eq. 7).

    Channel c*R*R + i*R + j at (y, x) goes to channel c at (y*R + i, x*R + j).

    Args:
        x: Codes (H, W, C*R*R).
        block: R, the factor by which height and width grow.

    >>> depth_to_space(np.arange(4).reshape(1, 1, 4), 2)[..., 0].tolist()
    [[0, 1], [2, 3]]
    """
    height, width, channels = x.shape
    split = x.reshape(height, width, channels // block**2, block, block)  # (H, W, C, R, R)
    return split.transpose(0, 3, 1, 4, 2).reshape(height * block, width * block, -1)  # (H*R, W*R, C)


@dataclass(frozen=True)
class DepthToSpace(Moves):
    """Channels to pixels by ``block``, 2..16; codes and format stay (eq. 7)."""

    block: int

    WIRES = True

    @property
    def window(self) -> Window:
        """A square of new pixels for each."""
        return Window(grow=self.block)

    def check(self) -> None:
        """The range of the block."""
        check_whole(self.where, "block", self.block, 2, MAX_ENLARGEMENT)

    def made(self, *sources: Tensor) -> Tensor:
        """R*R times fewer channels, R times the height and width."""
        (x,) = sources
        square = self.block**2
        if x.channels % square:
            raise HwrtsError(
                f"{self.where}: {x.channels} channels do not split by block {self.block} squared; "
                f"use a multiple of {square}"
            )
        return x.seen(self.window, self.name, x.channels // square, x.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Moved codes (R*H, R*W, C) (eq. 7)."""
        (x,) = xs
        return depth_to_space(x, self.block)

    def work(self, made: Tensor) -> Work:
        """Wires."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "DepthToSpace":
        """Rows and columns of each square exchanged, which no number of it can say."""
        return _Transposed(self.name, self.source, self.block)


class _Transposed(DepthToSpace):
    """i and j of eq. 7 mixed up; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        (x,) = xs
        return depth_to_space(x.swapaxes(0, 1), self.block).swapaxes(0, 1)
