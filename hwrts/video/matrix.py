"""Y'CbCr to R'G'B' codes and back, in integers: (V1) to (V3) of docs/video.md.

libswscale's conversion depends on the processor; these are the same everywhere.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from hwrts.video.layout import MATRICES, Layout

SHIFT = 14
"""Bits behind the point of a coefficient: off by 2^-15 it moves 255 by 0.008, and sums fit 32 bits."""

CHROMA = 8
"""Chroma at the places of luma is counted in eighths: the weights of its interpolation, not yet divided."""


@dataclass(frozen=True)
class Matrix:
    """Integer coefficients, each rounded once (half up) from the exact fraction.

    Attributes:
        black: Code of Y that is black.
        grey: Code of Cb and Cr that is no colour.
        luma: Of Y in R, G and B, times 2^(14 + bits - 8).
        red: Of Cr in R.
        green: Of Cb and Cr in G.
        blue: Of Cb in B.
        shares: Of R, G and B in Y, Cb and Cr, times 2^14; the rows of chroma add up to 0.
        shift: Bits behind the point of the first four: 14 + bits - 8.
    """

    black: int
    grey: int
    luma: int
    red: int
    green: tuple[int, int]
    blue: int
    shares: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    shift: int


def matrix_of(layout: Layout) -> Matrix:
    """The coefficients of a layout.

    >>> from hwrts.video.layout import Layout
    >>> made = matrix_of(Layout("yuv420p", 2, 2, 8, 2, 2, False, "bt709"))
    >>> made.luma, made.red, made.green, made.blue
    (19077, 29372, (-3494, -8731), 34610)
    >>> made.shares
    ((2991, 10064, 1016), (-1649, -5547, 7196), (7196, -6536, -660))
    """
    return _made(layout.bits, layout.full, layout.matrix)


@cache
def _made(bits: int, full: bool, name: str) -> Matrix:
    red, blue = MATRICES[name]
    green = 1 - red - blue
    step = 1 << (bits - 8)
    most = (1 << bits) - 1
    of_luma, of_chroma = (most, most) if full else (219 * step, 224 * step)  # codes from 0 to 1
    into = (255 << SHIFT) * step
    per_luma, per_chroma = Fraction(into, of_luma), Fraction(into, of_chroma)
    # E'Pb = (E'b - E'y) / (2 (1 - Kb)), E'Pr likewise
    cr, cb = 2 * (1 - red), 2 * (1 - blue)
    luma_out, chroma_out = Fraction(of_luma << SHIFT, 255), Fraction(of_chroma << SHIFT, 255)
    y = _with_sum((luma_out * red, luma_out * green, luma_out * blue), luma_out)
    u = _with_sum((-chroma_out * red / cb, -chroma_out * green / cb, chroma_out / 2), Fraction(0))
    v = _with_sum((chroma_out / 2, -chroma_out * green / cr, -chroma_out * blue / cr), Fraction(0))
    return Matrix(
        black=0 if full else 16 * step,
        grey=128 * step,
        luma=_rounded(per_luma),
        red=_rounded(per_chroma * cr),
        green=(_rounded(-per_chroma * cb * blue / green), _rounded(-per_chroma * cr * red / green)),
        blue=_rounded(per_chroma * cb),
        shares=(y, u, v),
        shift=SHIFT + bits - 8,
    )


def _rounded(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def _with_sum(values: tuple[Fraction, Fraction, Fraction], total: Fraction) -> tuple[int, int, int]:
    """Rounded, green so that they add up to the rounded sum: a grey has no colour, and white is white."""
    first, last = _rounded(values[0]), _rounded(values[2])
    return first, _rounded(total) - first - last, last
