"""Planes at other places, without rounding: sums whose weights add up to a stated number.

Letters: H and W rows and columns of a plane, S how much a network enlarges.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[Any]
"""Integers of 16, 32 or 64 bits: a plane's codes times the weights, not yet divided."""

Interpolation = Literal["bicubic", "bilinear"]
"""Keys' cubic with a = -1/2, as Pillow's and that of the networks' bicubic (eq. 17), or linear."""


def places(
    start: int, stop: int, scale: int, step: int, *, cosited: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Where the samples of a larger picture lie between those of a plane, along one axis (V2, V5).

    Args:
        start: First sample of the result.
        stop: The one behind its last.
        scale: S.
        step: 1 if the result has the grid of the plane, times S; 2 if it has twice as many samples: luma's
            places in a plane of chroma.
        cosited: Chroma lies on luma's even samples, and not in the middle of two; on both sides if step is 1.

    Returns:
        The index before each place, the weight of the one behind it, and what both weights add up to.

    >>> [each.tolist() for each in places(0, 4, 1, 2, cosited=True)[:2]]
    [[0, 0, 1, 1], [0, 1, 0, 1]]
    >>> [each.tolist() for each in places(0, 4, 1, 2, cosited=False)[:2]]
    [[-1, 0, 0, 1], [3, 1, 3, 1]]
    >>> [each.tolist() for each in places(0, 4, 2, 1, cosited=True)[:2]]
    [[-1, 0, 0, 1], [7, 3, 7, 3]]
    """
    k = np.arange(start, stop, dtype=np.int64)
    if step == 2:  # luma at x lies at x/2, or at (x - 1/2)/2
        total = 2 if cosited else 4
        place = k if cosited else 2 * k - 1
    elif cosited:  # chroma k of the larger picture is at its luma 2k, that is ((2k + 1/2)/S - 1/2)/2 here
        total = 4 * scale
        place = 4 * k + 1 - scale
    else:  # (k + 1/2)/S - 1/2
        total = 2 * scale
        place = 2 * k + 1 - scale
    return place // total, place % total, total


def taps(weight: NDArray[np.int64], total: int, kind: Interpolation) -> tuple[list[NDArray[np.int64]], int]:
    """Weights of the samples around places, from the first that counts on, and what they add up to.

    Args:
        weight: How far each place lies behind the sample before it, in parts of ``total``.
        total: Parts from one sample to the next.
        kind: Linear: of the samples before and behind. Cubic: of two before and two behind, with t =
            weight / total (-t^3 + 2t^2 - t)/2, (3t^3 - 5t^2 + 2)/2, (-3t^3 + 4t^2 + t)/2, (t^3 - t^2)/2.

    >>> [each.tolist() for each in taps(np.array([1, 3]), 4, "bicubic")[0]]
    [[-9, -3], [111, 29], [29, 111], [-3, -9]]
    """
    if kind == "bilinear":
        return [total - weight, weight], total
    t, one = weight, total
    return [
        -(t**3) + 2 * t**2 * one - t * one**2,
        3 * t**3 - 5 * t**2 * one + 2 * one**3,
        -3 * t**3 + 4 * t**2 * one + t * one**2,
        t**3 - t**2 * one,
    ], 2 * one**3


def _fits(bits: int, total: int) -> bool:
    """Whether sums of codes over both directions, and 1.6 of them with what is negative, are below 2^31.

    >>> _fits(10, 1 << 10), _fits(12, 1 << 10)  # cubic weights of S = 4
    (True, False)
    """
    return ((1 << bits) - 1) * total**2 * 8 // 5 < 1 << 31


def between(
    values: Sums,
    axis: int,
    start: int,
    stop: int,
    scale: int,
    step: int,
    *,
    bits: int,
    cosited: bool,
    kind: Interpolation = "bilinear",
) -> tuple[Sums, int]:
    """Values at those places along an axis, the border repeated; and what the weights add up to.

    ``bits`` are those of the codes that the values are, or are sums of.
    """
    if scale == 1 and step == 1:
        return values[start:stop] if axis == 0 else values[:, start:stop], 1
    first, weight, parts = places(start, stop, scale, step, cosited=cosited)
    weights, total = taps(weight, parts, kind)
    last = values.shape[axis] - 1
    wide = np.promote_types(values.dtype, np.int32 if _fits(bits, total) else np.int64)
    shape = [1] * values.ndim
    shape[axis] = stop - start
    made: Sums | None = None
    for step_on, each in enumerate(weights, 1 - len(weights) // 2):
        at = np.clip(first + step_on, 0, last)
        part = np.take(values, at, axis).astype(wide, copy=False)
        part *= each.astype(wide).reshape(shape)
        made = part if made is None else np.add(made, part, out=made)
    assert made is not None
    return made, total


def enlarged(
    plane: NDArray[Any],
    rows: tuple[int, int],
    columns: int,
    scale: int,
    *,
    bits: int,
    cosited: bool,
    kind: Interpolation = "bilinear",
) -> tuple[Sums, int]:
    """Rows of a plane that is S times larger, and what the weights add up to (V5).

    Args:
        plane: (H, W) or (H, W, C).
        rows: First row of the result, and the one behind its last.
        columns: Of the result.
        scale: S.
        bits: Of the plane's codes: by them sums have 32 bits, or 64.
        cosited: Columns lie on luma's even columns.
        kind: How samples are interpolated.

    >>> enlarged(np.array([[0, 8]], np.uint8), (0, 1), 4, 2, bits=8, cosited=False)[0].tolist()
    [[0, 32, 96, 128]]
    """
    made, down = between(plane, 0, *rows, scale, 1, bits=bits, cosited=False, kind=kind)
    made, across = between(made, 1, 0, columns, scale, 1, bits=bits, cosited=cosited, kind=kind)
    return made, down * across


def averaged(values: Sums, down: int, across: int) -> tuple[Sums, int]:
    """What is at the places of chroma of values at those of luma, and what the weights add up to (V4).

    Down two rows to one, their mean; across (1, 2, 1) around every even column; the border is repeated.

    Args:
        values: (H, W, ...).
        down: Rows to one of chroma, 1 or 2.
        across: Columns, likewise.

    >>> made, total = averaged(np.array([[0, 4, 8, 8, 8]], np.int32), 2, 2)
    >>> made.tolist(), total
    ([[8, 56, 64]], 8)
    """
    total = 1
    if down == 2:
        if values.shape[0] % 2:
            values = np.concatenate([values, values[-1:]])
        values = values[::2] + values[1::2]
        total = 2
    if across == 2:
        own = values[:, ::2]
        made = own * values.dtype.type(2)
        made[:, 1:] += values[:, 1:-1:2] if values.shape[1] % 2 else values[:, 1:-2:2]
        made[:, :1] += own[:, :1]
        odd = values[:, 1::2]
        made[:, : odd.shape[1]] += odd
        if values.shape[1] % 2:
            made[:, -1:] += own[:, -1:]
        return made, 4 * total
    return values, total
