"""Pixel repetition: each code becomes a square of equal codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..formats import Format
from ..requantize import Rounding
from ..window import Window
from .checks import check_whole
from .operator import MAX_ENLARGEMENT, Moves, Tensor, Work

# Letters of the shape comments: H, W rows and columns; C channels; F factor.


def repeat(x: NDArray[np.integer], factor: int) -> NDArray[np.integer]:
    """Each pixel becomes a square of ``factor`` by ``factor`` equal pixels (eq. 8).

    Args:
        x: Codes (H, W, C).
        factor: How often each row and column is repeated.

    >>> repeat(np.array([[[7], [9]]]), 2)[..., 0].tolist()
    [[7, 7, 9, 9], [7, 7, 9, 9]]
    """
    return x.repeat(factor, axis=0).repeat(factor, axis=1)


@dataclass(frozen=True)
class Repeat(Moves):
    """Pixel repetition by ``factor``, 2..16; codes and format stay (eq. 8)."""

    factor: int

    WIRES = True

    @property
    def window(self) -> Window:
        """A square of new pixels for each."""
        return Window(grow=self.factor)

    def check(self) -> None:
        """The range of the factor."""
        check_whole(self.where, "factor", self.factor, 2, MAX_ENLARGEMENT)

    def made(self, *sources: Tensor) -> Tensor:
        """F times the height and width."""
        (x,) = sources
        return x.seen(self.window, self.name, x.channels, x.out)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Repeated codes (F*H, F*W, C) (eq. 8)."""
        (x,) = xs
        return repeat(x, self.factor)

    def work(self, made: Tensor) -> Work:
        """Wires."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "Repeat":
        """Rows that begin one too early, which no number of it can say."""
        return _Shifted(self.name, self.source, self.factor)


class _Shifted(Repeat):
    """Coordinates rounded to the nearest source instead of down; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        (x,) = xs
        repeated = repeat(x, self.factor)
        return np.concatenate([repeated[1:], repeated[-1:]])
