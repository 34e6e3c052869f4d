"""Channels in another order: codes that are passed on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..requantize import Rounding
from ..rows import Row, RowFunction
from ..window import POINT
from .operator import Moves, Tensor, Work

_MAX_CHANNELS = 1 << 16
"""Channels that a tensor may have; as those of an input."""


def reorder_channels(x: NDArray[np.integer], order: NDArray[np.integer]) -> NDArray[np.integer]:
    """Channel c is channel order[c] of the source, its codes unchanged (eq. 25b).

    Args:
        x: Codes (..., C).
        order: (O,), each of 0..C-1; some may be missing, and some there more than once.

    >>> reorder_channels(np.array([[5, -6, 7, 8]], np.int8), np.array([0, 2, 1, 3])).tolist()
    [[5, 7, -6, 8]]
    """
    return x[..., order]


@dataclass(frozen=True, eq=False)
class Reorder(Moves):
    """Channel c of the result is channel order[c]; codes and format stay (eq. 25b).

    Attributes:
        order_i32: (O,), numbers of channels of the source.
    """

    order_i32: NDArray[np.int32]

    window = POINT
    WIRES = True

    def check(self) -> None:
        """Some channels, none below 0."""
        order = self.order_i32
        if order.dtype != np.int32 or order.ndim != 1 or not 1 <= len(order) <= _MAX_CHANNELS:
            raise HwrtsError(
                f"{self.where}: the order is {order.dtype} {order.shape}; int32 (O,) with O of "
                f"1..{_MAX_CHANNELS} is needed"
            )
        if order.min() < 0:
            raise HwrtsError(f"{self.where}: reads channel {order.min()}; use 0 or more")

    def made(self, *sources: Tensor) -> Tensor:
        """As many channels as the order has."""
        (x,) = sources
        if self.order_i32.max() >= x.channels:
            raise HwrtsError(
                f"{self.where}: reads channel {self.order_i32.max()}, {x.name!r} has {x.channels}; "
                f"use at most {x.channels - 1}"
            )
        return replace(x, name=self.name, channels=len(self.order_i32))

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Passed codes (H, W, O) (eq. 25b)."""
        (x,) = xs
        return reorder_channels(x, self.order_i32)

    def work(self, made: Tensor) -> Work:
        """Wires."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "Reorder":
        """Two channels in each other's place that differ somewhere."""
        order = self.order_i32
        for place in range(len(order) - 1):
            if not np.array_equal(codes[..., place], codes[..., place + 1]):
                swapped = order.copy()
                swapped[[place, place + 1]] = order[[place + 1, place]]
                return replace(self, order_i32=swapped)
        return replace(self, order_i32=np.roll(order, 1))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """The same numbers of each row."""

        def passed_on(windows: Sequence[Sequence[Row]]) -> list[Row]:
            return [windows[0][0][..., self.order_i32]]

        return passed_on
