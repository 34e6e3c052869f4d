"""A slice of channels: codes that are passed on, and others that are not."""

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
from .checks import check_whole
from .operator import Moves, Tensor, Work

_MAX_CHANNELS = 1 << 16
"""Channels that a tensor may have; as those of an input."""


def slice_channels(x: NDArray[np.integer], start: int, stop: int) -> NDArray[np.integer]:
    """The channels start .. stop - 1, their codes unchanged (eq. 25).

    Args:
        x: Codes (..., C).
        start: The first channel.
        stop: The one behind the last, at most C.

    >>> slice_channels(np.array([[5, -6, 7, 8]], np.int8), 1, 3).tolist()
    [[-6, 7]]
    """
    return x[..., start:stop]


@dataclass(frozen=True)
class Slice(Moves):
    """The channels start .. stop - 1 of a tensor; codes and format stay (eq. 25).

    Attributes:
        start: The first channel, from 0.
        stop: The one behind the last.
    """

    start: int
    stop: int

    window = POINT
    WIRES = True

    def check(self) -> None:
        """A range that is not empty."""
        check_whole(self.where, "start", self.start, 0, _MAX_CHANNELS - 1)
        check_whole(self.where, "stop", self.stop, 1, _MAX_CHANNELS)
        if self.start >= self.stop:
            raise HwrtsError(
                f"{self.where}: channels {self.start}..{self.stop - 1} are none; use a stop above the start"
            )

    def made(self, *sources: Tensor) -> Tensor:
        """So many channels."""
        (x,) = sources
        if self.stop > x.channels:
            raise HwrtsError(
                f"{self.where}: reads channels {self.start}..{self.stop - 1}, {x.name!r} has {x.channels}; "
                f"use a stop of at most {x.channels}"
            )
        return replace(x, name=self.name, channels=self.stop - self.start)

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        """Passed codes (H, W, stop - start) (eq. 25)."""
        (x,) = xs
        return slice_channels(x, self.start, self.stop)

    def work(self, made: Tensor) -> Work:
        """Wires."""
        return Work()

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> "Slice":
        """One channel further down or up; of a tensor that is passed on as a whole, in reverse order."""
        (x,) = xs
        shifted = [replace(self, start=self.start + by, stop=self.stop + by) for by in (-1, 1)]
        legal = [each for each in shifted if each.start >= 0 and each.stop <= x.shape[-1]]
        different = [each for each in legal if not np.array_equal(each.define(xs, (), _ANY), codes)]
        return next(iter(different or legal), _Reversed(self.name, self.source, self.start, self.stop))

    def row_function(self, formats: Sequence[Format], rounding: Rounding) -> RowFunction:
        """Some columns of the same memory."""

        def passed_on(windows: Sequence[Sequence[Row]]) -> list[Row]:
            return [windows[0][0][..., self.start : self.stop]]

        return passed_on


_ANY = Rounding.HALF_EVEN
"""Nothing is rounded here."""


class _Reversed(Slice):
    """Channels in the wrong order; no network holds it."""

    def define(self, xs: Sequence[Codes], formats: Sequence[Format], rounding: Rounding) -> Codes:
        return super().define(xs, formats, rounding)[..., ::-1]
