"""Resizing by any factor, or to the size of another tensor: taps from the sizes, in whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Self, assert_never

import numpy as np
from numpy.typing import NDArray

from ..bounds import Bounds
from ..codes import Codes
from ..errors import HwrtsError
from ..formats import Format
from ..window import Window
from .checks import check_whole
from .operator import MAX_ENLARGEMENT, Tensor, Work, nearer_grid
from .requantised import Requantised, ends_of
from .tensor import Worst, plain

# Letters of the shape comments: H, W rows and columns of the source, H', W' of the result; C channels.

FRACTION = 7
"""Bits of a tap: a place is off by 1/256 of a pixel at most, and sums of codes of 16 bits fit int32."""


class Places(Enum):
    """Where in the source the centre of a new pixel lies, of rows and columns alike (eq. 42)."""

    CENTRES = "centres"
    """As pixels are squares that fill the same picture: torch's align_corners=False."""
    CORNERS = "corners"
    """First on first and last on last: torch's align_corners=True."""
    NEAREST = "nearest"
    """One pixel of the source alone, the one in which the new one begins."""


def resize_taps(size: int, made: int, places: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each new row the first of two rows that it is made of, and the weight of the second in 1/128.

    Args:
        size: Rows of the source.
        made: Rows of the result.
        places: Where they lie.

    Returns:
        First rows and weights, (made,); a weight of 0 says that there need not be a second row.

    >>> [each.tolist() for each in resize_taps(2, 3, Places.CENTRES)]  # at 0 (from -1/6), 1/2, 1 (from 7/6)
    [[0, 0, 1], [0, 64, 0]]
    >>> [each.tolist() for each in resize_taps(3, 4, Places.CORNERS)]  # at 0, 2/3, 4/3, 2
    [[0, 0, 1, 2], [0, 85, 43, 0]]
    >>> resize_taps(3, 4, Places.NEAREST)[0].tolist()
    [0, 0, 1, 2]
    """
    new = np.arange(made, dtype=np.int64)
    match places:
        case Places.CENTRES:
            numerator, denominator = np.maximum((2 * new + 1) * size - made, 0), 2 * made
        case Places.CORNERS:
            numerator, denominator = new * (size - 1), max(made - 1, 1)
        case Places.NEAREST:
            numerator, denominator = new * size // made, 1
        case _:
            assert_never(places)
    at = ((numerator << (FRACTION + 1)) + denominator) // (2 * denominator)  # in 1/128, a half upward
    at = np.minimum(at, (size - 1) << FRACTION)
    return at >> FRACTION, at & ((1 << FRACTION) - 1)


def resize_accumulate(x: NDArray[np.integer], height: int, width: int, places: Places) -> NDArray[np.int64]:
    """Interpolated accumulators (H', W', C) of codes (H, W, C), with 14 fraction bits more (eq. 42).

    >>> resize_accumulate(np.array([[[0], [4]]]), 1, 4, Places.CENTRES)[0, :, 0] / 2**14
    array([0., 1., 3., 4.])
    """
    rows = _along_rows(x.astype(np.int64), height, places)  # (H', W, C)
    return _along_rows(rows.swapaxes(0, 1), width, places).swapaxes(0, 1)  # (H', W', C)


def _along_rows(x: NDArray[np.int64], made: int, places: Places) -> NDArray[np.int64]:
    first, weight = resize_taps(len(x), made, places)
    second, weight = np.minimum(first + 1, len(x) - 1), weight[:, None, None]
    made_of: NDArray[np.int64] = ((1 << FRACTION) - weight) * x[first] + weight * x[second]
    return made_of


@dataclass(frozen=True)
class Resize(Requantised):
    """Bilinear or nearest resizing to any size, requantised once (eq. 42).

    Its taps depend on the size of the picture, and a row may need any row: it runs on whole pictures.

    Attributes:
        sources: What is resized, and a tensor whose size the result has; without one, ``factor`` is there.
        out: Format of the result.
        places: Where the new pixels lie.
        factor: By which height and width grow; None with a second source.
    """

    sources: tuple[str, ...]
    out: Format
    places: Places
    factor: int | None = field(default=None, metadata={"later": True})

    EVERY_CODE = True
    TIES_IN_LINES = True

    @property
    def window(self) -> Window:
        """Any row of the source, and the size of the other, or so many times its own."""
        return Window(any_row=True, like=1) if self.factor is None else Window(any_row=True, grow=self.factor)

    def check(self) -> None:
        """A size from one place."""
        if not isinstance(self.places, Places):
            raise HwrtsError(f"{self.where}: places {self.places!r}; use {', '.join(map(str, Places))}")
        if len(self.sources) not in (1, 2):
            raise HwrtsError(f"{self.where}: reads {len(self.sources)} tensors; use 1 or 2")
        if len(self.sources) == 1:
            check_whole(self.where, "factor", self.factor, 2, MAX_ENLARGEMENT)
        elif self.factor is not None:
            raise HwrtsError(
                f"{self.where}: factor {self.factor!r}, and the size of {self.sources[1]!r}; use one of them"
            )

    def made(self, *sources: Tensor) -> Tensor:
        """The channels of the first, the size of the last."""
        x = sources[0]
        if len(sources) == 1:
            return x.seen(self.window, self.name, x.channels, self.out)
        like = sources[1]
        if like.scale == 0:
            raise HwrtsError(
                f"{self.where}: to the size of {like.name!r}, which has one pixel for a whole picture; use a "
                "mean over the picture"
            )
        return Tensor(self.name, x.channels, like.scale, self.out, like.lacks)

    def acc_frac(self, *formats: Format) -> int:
        """Fraction bits of the accumulator."""
        return formats[0].frac + 2 * FRACTION

    def accumulate(self, xs: Sequence[Codes], formats: Sequence[Format]) -> NDArray[np.int64]:
        """Interpolated accumulators (H', W', C) (eq. 42)."""
        rows, columns = xs[-1].shape[:2]
        times = 1 if self.factor is None else self.factor
        return resize_accumulate(xs[0], rows * times, columns * times, self.places)

    def reach(self, *formats: Format) -> Bounds:
        """Of all channels and pixels, (1,): no tap is negative, and they sum to 1."""
        low, high, largest = (
            np.array([code << 2 * FRACTION], np.int64)
            for code in (formats[0].min, formats[0].max, formats[0].magnitude)
        )
        return Bounds(low, high, largest)

    def attack(self, *formats: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of pictures that are the smallest and the largest code all over, (1,)."""
        ends = []
        for code in (formats[0].min, formats[0].max):
            xs = [np.full((2, 3, 1), code), np.zeros((5, 4, 1), np.int64)][: len(self.sources)]
            ends.append(self.accumulate(xs, formats))
        return ends[0].min(keepdims=True).ravel(), ends[1].max(keepdims=True).ravel()

    def worst(self, *sources: Tensor) -> Sequence[Worst]:
        """Pictures of one code all over."""
        return ends_of(self.sources, sources)

    def work(self, made: Tensor) -> Work:
        """Two taps down and two along for each new pixel, of which nearest has none."""
        taps = 0 if self.places is Places.NEAREST else 4
        return Work(multiplications=plain(taps * made.channels * made.scale**2))

    def corrupted(self, xs: Sequence[Codes], codes: Codes) -> Self:
        """Shifted by one bit too few, or too many."""
        return replace(self, out=nearer_grid(self.out))
