"""Limits inside a format's range: a ReLU of its own, ReLU6, a clamp."""

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
from .checks import check_whole
from .operator import Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns; C channels.


def clip(x: NDArray[np.integer], low: int, high: int) -> NDArray[np.integer]:
    """Codes that are kept between two codes (eq. 27).

    y = min(max(x, low), high)

    Args:
        x: Codes, any shape.
        low: Smallest code that passes.
        high: Largest code that passes.

    >>> clip(np.array([-128, -1, 0, 96, 97, 127], np.int8), 0, 96).tolist()  # ReLU6 of f = 4
    [0, 0, 0, 96, 96, 96]
    """
    between: NDArray[np.integer] = np.clip(x, low, high)
    return between


@dataclass(frozen=True)
class Clip(Moves):
    """Codes between two limits; the format stays, so codes that pass are the same bits (eq. 27).

    A result that is never negative keeps its sign bit: without it each code would have to be stored anew.

    Attributes:
        low: Smallest code of the result.
        high: Largest code of the result.
    """

    low: int
    high: int

    window = POINT

    def check(self) -> None:
        """Two codes in order."""
        check_whole(self.where, "low", self.low, -(1 << 15), (1 << 16) - 1)
        check_whole(self.where, "high", self.high, -(1 << 15), (1 << 16) - 1)
        if self.low > self.high:
            raise HwrtsError(f"{self.where}: low {self.low} is above high {self.high}; exchange them")

    def made(self, *sources: Tensor) -> Tensor:
        """All of its source, where both limits are codes of it."""
        (x,) = sources
        if self.low < x.out.min or self.high > x.out.max:
            raise HwrtsError(
                f"{self.where}: limits {self.low}..{self.high} are no codes of {x.name!r}; "
                f"use {x.out.min}..{x.out.max}"
            )
        return replace(x, name=self.name)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Codes between the limits (H, W, C) (eq. 27)."""
        (x,) = xs
        return clip(x, self.low, self.high)

    def work(self, made: Tensor) -> Work:
        """Two comparisons for each code."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """One limit moved by one, that which more codes reach: inward, or apart where both are one code."""
        (x,) = xs
        inward = self.low < self.high
        moved = (
            replace(self, low=self.low + (1 if inward else -1)),
            replace(self, high=self.high - (1 if inward else -1)),
        )
        return max(moved, key=lambda each: np.count_nonzero(clip(x, each.low, each.high) != codes))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """The same, of codes as integers or as float numbers."""

        def between(windows: Sequence[Sequence[Row]]) -> list[Row]:
            return [np.clip(windows[0][0], self.low, self.high)]

        return between
