"""Flicker: how much a network's correction changes from frame to frame where the clip itself does not.

A still part of a scene whose correction changes is seen to shimmer. Letters: H rows, W columns, C channels of
what a network sees, S how much it enlarges.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import DataError

Codes = NDArray[Any]
"""Whole numbers (H, W, C), without a sign."""

STILL = 8
"""Codes that a pixel may change by and counts as still: noise of a deviation of 2 passes it nearly
everywhere (the difference of two frames deviates by 2.8), and an edge that moves does not."""

REACH = 1
"""Pixels either side that have to be still as well: 3x3, so that the rim of what moves is none."""

_SHARE = 99
"""Of a hundred changes so many are no larger than the percentile that is told."""


@dataclass(frozen=True)
class Flicker:
    """Of a clip, or of one pair of frames; None where nothing is still.

    Attributes:
        pairs: Of frames, one behind the other, that were compared.
        still_percent: Share of the input's pixels that are still.
        mean: Mean of |d_t - d_(t-1)| in still places, in codes of 8 bits.
        percentile_99: The smallest code that 99 of 100 of them do not exceed.
        input_mean: Mean of |x_t - x_(t-1)| in the same places, in codes: the noise that is there already.
    """

    pairs: int
    still_percent: float | None
    mean: float | None
    percentile_99: float | None
    input_mean: float | None

    def document(self) -> dict[str, Any]:
        """For JSON, rounded."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


class Watch:
    """Measures the flicker of frames that are given to it in turn."""

    def __init__(self, still: int = STILL, reach: int = REACH, bits: int = 8) -> None:
        """Begin.

        Args:
            still: The most codes of 8 bits that the input of a still pixel changes by, in every channel.
            reach: Pixels either side of which that has to be true; a network's own reach takes all that its
                output depends on.
            bits: Of the codes; figures are in units of 8-bit codes, whatever they are.

        Raises:
            DataError: A number below 0.
        """
        if still < 0 or reach < 0:
            raise DataError(f"flicker: still is {still} and reach {reach}; give 0 or more")
        self.still, self._reach = still, reach
        self._before: tuple[Codes, Codes] | None = None
        self._unit = 1 << (bits - 8)
        self._whole = _Sums()
        self.each: list[Flicker] = []
        """Of every pair of frames."""

    def add(self, seen: Codes, made: Codes) -> None:
        """The next frame.

        Args:
            seen: x, (H, W, C).
            made: y, (SH, SW, C).

        Raises:
            DataError: y is not S times as large as x, or a frame has another size than the one before.
        """
        scale = len(made) // max(1, len(seen))
        if made.shape != (seen.shape[0] * scale, seen.shape[1] * scale, *seen.shape[2:]):
            raise DataError(
                f"flicker: what is made of a frame of {seen.shape} has {made.shape}; give frames that are "
                "a whole number of times as large"
            )
        before, self._before = self._before, (seen, made)
        if before is None:
            return
        if before[0].shape != seen.shape or before[1].shape != made.shape:
            raise DataError(
                f"flicker: a frame of {seen.shape} follows one of {before[0].shape}; give frames of one size"
            )
        pair, still = _Sums(), self.still * self._unit
        pair.add(*before, seen, made, still_places(before[0], seen, still, self._reach), scale)
        self._whole.join(pair)
        self.each.append(pair.figures(self._unit))

    def watching(self, network: Callable[[Codes], Codes]) -> Callable[[Codes], Codes]:
        """The same network; what it sees and makes is measured."""

        def watched(seen: Codes) -> Codes:
            made = network(seen)
            self.add(seen, made)
            return made

        return watched

    def figures(self) -> Flicker:
        """Of all pairs so far."""
        return self._whole.figures(self._unit)

    @staticmethod
    def joined(watches: "Iterable[Watch]") -> Flicker:
        """Of all pairs of several clips of one width; between two clips there is none."""
        whole, unit = _Sums(), 1
        for watch in watches:
            whole.join(watch._whole)
            unit = watch._unit
        return whole.figures(unit)


def still_places(before: Codes, now: Codes, still: int = STILL, reach: int = REACH) -> NDArray[np.bool_]:
    """Where nothing moves, (H, W): all of (2 reach + 1)^2 pixels change by at most ``still`` codes.

    Args:
        before: x_(t-1), (H, W, C).
        now: x_t, the same shape.
        still: Codes.
        reach: Pixels either side; outside of the picture there is nothing that could move.

    >>> x = np.full((1, 6, 1), 100, np.uint8); moved = x.copy(); moved[0, 1] = 109
    >>> still_places(x, moved)[0].tolist()
    [False, False, False, True, True, True]
    """
    from scipy.ndimage import maximum_filter  # here: PSNR alone must not wait for SciPy

    changes = (np.maximum(before, now) - np.minimum(before, now)).max(axis=2)  # (H, W)
    places: NDArray[np.bool_] = maximum_filter(changes, 2 * reach + 1, mode="nearest") <= still
    return places


def flicker(seen: list[Codes], made: list[Codes], still: int = STILL, reach: int = REACH) -> Flicker:
    """The flicker of a list of frames; arguments and errors as of :class:`Watch`.

    With d_t = y_t - x_t (x repeated to the size of y), over every pixel, channel and pair of frames in still
    places: |d_t - d_(t-1)|.

    >>> x = [np.full((4, 4, 3), 100, np.uint8)] * 3
    >>> flicker(x, [x[0] + 5, x[0] + 7, x[0] + 7])
    Flicker(pairs=2, still_percent=100.0, mean=1.0, percentile_99=2, input_mean=0.0)
    """
    watch = Watch(still, reach)
    for x, y in zip(seen, made, strict=True):
        watch.add(x, y)
    return watch.figures()


class _Sums:
    """How often which change was found: of any number of frames the exact mean and percentile."""

    def __init__(self) -> None:
        self._pairs = self._pixels = self._still = self._values = self._input = 0
        self._counts = np.zeros(1, np.int64)  # by |d_t - d_(t-1)|

    def add(self, x0: Codes, y0: Codes, x1: Codes, y1: Codes, places: NDArray[np.bool_], scale: int) -> None:
        self._pairs += 1
        self._pixels += places.size
        self._still += int(np.count_nonzero(places))
        moved = (x1.astype(np.int32) - x0)[places]  # (n, C)
        self._values += moved.size
        self._input += int(np.abs(moved).sum(dtype=np.int64))
        for i in range(scale):
            for j in range(scale):  # the output pixels of each input pixel, one of S^2 at a time
                part = slice(i, None, scale), slice(j, None, scale)
                change = (y1[part].astype(np.int32) - y0[part])[places] - moved  # (n, C)
                self._count(np.bincount(np.abs(change).ravel()))

    def join(self, other: "_Sums") -> None:
        for name in ("_pairs", "_pixels", "_still", "_values", "_input"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._count(other._counts)

    def _count(self, counts: NDArray[np.int64]) -> None:
        wide = np.zeros(max(len(counts), len(self._counts)), np.int64)
        wide[: len(self._counts)] += self._counts
        wide[: len(counts)] += counts
        self._counts = wide

    def figures(self, unit: int) -> Flicker:
        """In codes of 8 bits, of which each is so many of those that were counted."""
        share = 100 * self._still / self._pixels if self._pixels else None
        total = int(self._counts.sum())
        if not total:
            return Flicker(self._pairs, share, None, None, None)
        reached = np.cumsum(self._counts) * 100 >= _SHARE * total
        mean = int((self._counts * np.arange(len(self._counts))).sum()) / total
        most = int(reached.argmax())
        percentile = most // unit if most % unit == 0 else most / unit
        return Flicker(self._pairs, share, mean / unit, percentile, self._input / self._values / unit)
