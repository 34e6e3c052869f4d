"""A layer at work on rows: what a run by rows asks of it, and float arithmetic where it is proved exact."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from .bounds import Bounds
from .codes import Codes
from .formats import Format
from .requantize import Rounding, half_lsb
from .window import MODES, Padding, Window

# Letters of the shape comments: W columns of a row; C channels; F factor; K rows of a window.

Row = NDArray[Any]
"""Codes (W, C) of one row; inside the fast path they are float numbers."""
FloatRow = NDArray[np.floating]
"""Codes (W, C) of one row as float32 or float64: integers, exactly."""
RowFunction = Callable[[Sequence[Sequence[Row]]], Sequence[Row]]
"""The windows of all sources, K rows (W, C) each, to the F new rows (F*W, C').

What is no definition also takes pictures of rows (H, W, C) in the place of rows."""


class Rows(Protocol):
    """One layer fed step by step, from above the picture to below it; each step is taken or skipped."""

    def feed(self, windows: Sequence[Sequence[Row | None]]) -> None:
        """The rows (W, C) that a step reads of each source; None lies outside the picture."""

    def take(self) -> Sequence[Row]:
        """The F new rows (F*W, C') of the step that was fed last."""

    def skip(self) -> None:
        """Leave that step out: it lies outside the picture."""


class WindowRows:
    """A layer that remembers nothing from step to step.

    Args:
        function: Computes a step of windows without gaps.
        window: What it reads; rows outside the picture are filled in as it says.
    """

    def __init__(self, function: RowFunction, window: Window) -> None:
        self._function, self._padding = function, window.padding
        self._windows: Sequence[Sequence[Row | None]] = ()

    def feed(self, windows: Sequence[Sequence[Row | None]]) -> None:
        """Remember them for one step."""
        self._windows = windows

    def take(self) -> Sequence[Row]:
        """Compute the step."""
        return self._function([self._filled(window) for window in self._windows])

    def skip(self) -> None:
        """Nothing is to be done."""

    def _filled(self, window: Sequence[Row | None]) -> list[Row]:
        inside = [i for i, row in enumerate(window) if row is not None]  # never empty: a step reads something
        if len(inside) == len(window):
            return list(window)  # type: ignore[arg-type]
        some = window[inside[0]]
        assert some is not None
        first, last = inside[0], inside[-1]
        match self._padding:
            case Padding.ZERO:
                return [np.zeros_like(some) if row is None else row for row in window]
            case Padding.REPLICATE:
                places = list(range(len(window)))
            case Padding.REFLECT:
                places = [2 * first - i if i < first else min(i, 2 * last - i) for i in range(len(window))]
            case _:
                assert_never(self._padding)
        # the nearest inside (eq. 2b, 29); rows that are kept for a reflection, and not read, may be any
        return [window[min(max(i, first), last)] for i in places]  # type: ignore[misc]


def defined(define: Callable[[Sequence[Codes]], Codes], window: Window) -> RowFunction:
    """A definition for each step anew, on a picture of the K rows that it reads."""
    above = -window.before % window.shrink  # rows that no tap sees: a step begins at the frame's first row
    step = (window.before + above) // window.shrink

    def function(windows: Sequence[Sequence[Row]]) -> Sequence[Row]:
        frames = [np.stack([rows[0]] * above + list(rows)) for rows in windows]  # (K, W, C)
        codes = define(frames)  # (K*F, F*W, C')
        return list(codes[step * window.grow : (step + 1) * window.grow])

    return function


def whole_picture(function: RowFunction, window: Window, xs: Sequence[Codes]) -> NDArray[Any]:
    """All rows (F*H, F*W, C') of pictures (H, W, C) at once, by a function that takes rows of rows."""
    windows = [_shifted(x, window) for x in xs]
    rows = np.stack(function(windows), axis=1)  # (H, F, F*W, C')
    return rows.reshape(-1, *rows.shape[2:])


def _shifted(x: Codes, window: Window) -> list[Row]:
    """The K pictures (H, W, C) that have the rows of each step's window at the step's place."""
    steps = window.made_of(*x.shape[:2])[0] // window.grow
    if window.kernel == 1 and steps == len(x):
        return [x]
    last = (steps - 1) * window.shrink + window.after  # the lowest row that is read
    margin = ((window.before, max(0, last + 1 - len(x))), (0, 0), (0, 0))
    padded = np.pad(x, margin, mode=MODES[window.padding])
    return [padded[k : k + (steps - 1) * window.shrink + 1 : window.shrink] for k in range(window.kernel)]


class FloatRounding:
    """Requantisation of accumulators in float that are worth 2**-shift each (eq. 5).

    Below an unsigned format every code is clamped to 0, so there the two rules that look at the sign need
    not: like half up they are a constant, added beforehand, and a floor.

    Args:
        shift: Bits that the layer drops, a number or one per channel (C,).
        dtype: float32 where that holds every accumulator and what the rule adds (eq. 10), else float64.
        out: Format of the result.
        rounding: The tie rule.

    Attributes:
        raised: What is to be added to the accumulators beforehand, of the shape of ``shift``.
    """

    def __init__(
        self, shift: NDArray[np.int64], dtype: type[np.floating], out: Format, rounding: Rounding
    ) -> None:
        signless = rounding in (Rounding.HALF_AWAY, Rounding.DOUBLE) and not out.signed
        floored = rounding is Rounding.HALF_UP or signless
        self.raised: NDArray[np.int64] = half_lsb(shift, rounding) if floored else np.zeros_like(shift)
        self._rounding, self._out = Rounding.FLOOR if floored else rounding, out
        self._aside = np.where(shift > 1, np.ldexp(1.0, -shift), 0).astype(dtype)  # of double (eq. 44)

    def __call__(self, x: FloatRow, codes: FloatRow) -> None:
        """Fill ``codes``, which may be ``x``, with those of scaled accumulators that have been raised."""
        match self._rounding:
            case Rounding.HALF_EVEN:
                np.rint(x, out=codes)
            case Rounding.HALF_AWAY:  # half an LSB away from zero, then toward zero
                np.add(x, np.copysign(x.dtype.type(0.5), x), out=codes)
                np.trunc(codes, out=codes)
            case Rounding.DOUBLE:  # half an LSB, and one unit of the accumulator away from zero
                raised = np.copysign(self._aside, x)
                raised += x.dtype.type(0.5)
                np.add(x, raised, out=codes)
                np.floor(codes, out=codes)
            case Rounding.HALF_UP | Rounding.FLOOR:
                np.floor(x, out=codes)
            case _:
                assert_never(self._rounding)
        np.clip(codes, self._out.min, self._out.max, out=codes)


class FloatGrid:
    """Accumulators in float, worth 2**-shift each, and their requantisation (eq. 5).

    Factors are scaled by 2**-shift beforehand, which is exact; every product and partial sum is then an
    integer below 2**24 times that power of two, or float64 is used, exact for every int32 (eq. 10).

    Args:
        shift: Bits that the layer drops.
        bounds: What its accumulators can be.
        out: Format of the result.
        rounding: The tie rule.

    Attributes:
        dtype: float32 or float64.
        unit: What 1 in the accumulator is worth in output codes, 2**-shift.
    """

    def __init__(self, shift: int, bounds: Bounds, out: Format, rounding: Rounding) -> None:
        self.dtype = bounds.float_dtype
        self.unit = float(np.ldexp(1.0, -shift))
        self._round = FloatRounding(np.array(shift, np.int64), self.dtype, out, rounding)
        self._raised = self.dtype(int(self._round.raised) * self.unit)
        self._drops, self._out = shift > 0, out

    def requantised(self, acc: FloatRow) -> FloatRow:
        """The codes of scaled accumulators, in their place."""
        if self._raised:
            acc += self._raised
        if self._drops:
            self._round(acc, acc)
        else:  # whole numbers already
            np.clip(acc, self._out.min, self._out.max, out=acc)
        return acc
