"""Taps of interpolation: values of a kernel, exact where 8 bits hold them, else rounded (eq. 17, 34, 35)."""

from fractions import Fraction
from functools import cache, partial
from math import floor

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError

# Letters of the shape comments: F factor; K taps, M = K // 2 the margin.

_KEYS = {"bicubic": Fraction(-1, 2), "bicubic_075": Fraction(-3, 4)}
"""Keys' constant a of the cubic kinds: -1/2 is Pillow's, -3/4 torch's and OpenCV's."""
UPSAMPLE_KINDS = ("bilinear", *_KEYS)
"""Of interpolation."""
LARGEST_FACTOR = 8
"""The largest factor that displays and networks of this field have."""
FINEST_TAPS = 8
"""Most fraction bits of a tap: sums of 8-bit codes over both directions then end below 2**24 (eq. 35)."""


def upsample_taps(kind: str, factor: int) -> tuple[NDArray[np.int64], int]:
    """The taps of one direction, (F, K), and their fraction bits; each phase sums to 1 (eq. 17, 34).

    Row i holds the weights of the pixels x - M .. x + M for the new pixel F*x + i, whose centre lies at
    x + (i + 1/2)/F - 1/2. They are the kernel's own where 8 bits hold these, else rounded.

    Raises:
        HwrtsError: A kind and factor that there is not.

    >>> taps, frac = upsample_taps("bilinear", 2)
    >>> taps.tolist(), frac
    ([[1, 3, 0], [0, 3, 1]], 2)
    >>> taps, frac = upsample_taps("bilinear", 3)
    >>> taps.tolist(), frac
    ([[85, 171, 0], [0, 256, 0], [0, 171, 85]], 8)
    """
    if kind not in UPSAMPLE_KINDS or type(factor) is not int or not 2 <= factor <= LARGEST_FACTOR:
        known = f"{', '.join(UPSAMPLE_KINDS)} by 2..{LARGEST_FACTOR}"
        raise HwrtsError(f"upsample: {kind!r} by {factor!r} does not exist; use {known}")
    frac, taps = _rounded_taps(kind, factor)
    return np.array(taps, np.int64), frac


def upsample_kernel(kind: str, factor: int) -> list[list[Fraction]]:
    """What the taps of :func:`upsample_taps` are before any rounding: values of the kernel, (F, K).

    >>> [str(tap) for tap in upsample_kernel("bilinear", 3)[0]]
    ['1/3', '2/3', '0']
    """
    weight, margin = (_triangle, 1) if kind == "bilinear" else (partial(_cubic, _KEYS[kind]), 2)
    centres = [(i + Fraction(1, 2)) / factor - Fraction(1, 2) for i in range(factor)]
    return [[weight(abs(centre - u)) for u in range(-margin, margin + 1)] for centre in centres]


def upsample_is_exact(kind: str, factor: int) -> bool:
    """Whether the taps are the kernel's own, none of them rounded."""
    taps, frac = upsample_taps(kind, factor)
    exact = [[tap * 2**frac for tap in row] for row in upsample_kernel(kind, factor)]
    return bool((taps == np.array(exact)).all())


def _triangle(distance: Fraction) -> Fraction:
    return max(Fraction(0), 1 - distance)


def _cubic(a: Fraction, distance: Fraction) -> Fraction:
    d = distance
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else Fraction(0)


@cache
def _rounded_taps(kind: str, factor: int) -> tuple[int, list[list[int]]]:
    """Fraction bits, as few as hold the kernel or FINEST_TAPS, and taps of each phase, mirrored in pairs."""
    kernel = upsample_kernel(kind, factor)
    divisors = [tap.denominator for row in kernel for tap in row]
    enough = [k for k in range(FINEST_TAPS) if all((1 << k) % each == 0 for each in divisors)]
    frac = min(enough, default=FINEST_TAPS)
    half = [_rounded_to_one([tap * 2**frac for tap in row], 1 << frac) for row in kernel[: (factor + 1) // 2]]
    return frac, [*half, *(row[::-1] for row in half[: factor // 2][::-1])]


def _rounded_to_one(exact: list[Fraction], one: int) -> list[int]:
    """Whole taps that add up to ``one``: rounded down, then those with the largest remainders up (eq. 34)."""
    taps = [floor(tap) for tap in exact]
    remainders = sorted(range(len(taps)), key=lambda u: taps[u] - exact[u])  # no two that count are equal
    for u in remainders[: one - sum(taps)]:
        taps[u] += 1
    return taps
