"""Y'CbCr to R'G'B' codes and back, in integers: (V1) to (V3) of docs/video.md, (22) of docs/arithmetic.md.

libswscale's conversion depends on the processor; these are the same everywhere.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

MATRICES = {
    "bt709": (Fraction("0.2126"), Fraction("0.0722")),
    "bt601": (Fraction("0.299"), Fraction("0.114")),
    "smpte240m": (Fraction("0.212"), Fraction("0.087")),
    "bt2020": (Fraction("0.2627"), Fraction("0.0593")),
}
"""Kr and Kb: how much red and blue count in Y' (ITU-T H.273, table 4)."""

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
        luma: Of Y in R, G and B, times 2^(point + bits - colours).
        red: Of Cr in R.
        green: Of Cb and Cr in G.
        blue: Of Cb in B.
        shares: Of R, G and B in Y, Cb and Cr, times 2^point; the rows of chroma add up to 0.
        shift: Bits behind the point of the first four: point + bits - colours.
    """

    black: int
    grey: int
    luma: int
    red: int
    green: tuple[int, int]
    blue: int
    shares: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    shift: int


@cache
def matrix_of(name: str, *, full: bool, bits: int = 8, point: int = SHIFT, colours: int = 8) -> Matrix:
    """The coefficients between R'G'B' and Y'CbCr; white is the largest code of a colour.

    Args:
        name: A key of :data:`MATRICES`.
        full: Codes of Y'CbCr use 0..2^bits - 1; else 16..235 and 16..240, times 2^(bits - 8).
        bits: Of Y'CbCr.
        point: Bits behind the point.
        colours: Bits of R'G'B'.

    >>> made = matrix_of("bt709", full=False)
    >>> made.luma, made.red, made.green, made.blue
    (19077, 29372, (-3494, -8731), 34610)
    >>> made.shares
    ((2991, 10064, 1016), (-1649, -5547, 7196), (7196, -6536, -660))
    """
    red, blue = MATRICES[name]
    green = 1 - red - blue
    step = 1 << (bits - 8)
    most = (1 << bits) - 1
    of_luma, of_chroma = (most, most) if full else (219 * step, 224 * step)  # codes from 0 to 1
    white, shift = (1 << colours) - 1, point + bits - colours
    into = white << shift
    per_luma, per_chroma = Fraction(into, of_luma), Fraction(into, of_chroma)
    # E'Pb = (E'b - E'y) / (2 (1 - Kb)), E'Pr likewise
    cr, cb = 2 * (1 - red), 2 * (1 - blue)
    luma_out, chroma_out = Fraction(of_luma << point, white), Fraction(of_chroma << point, white)
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
        shift=shift,
    )


def _rounded(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def _with_sum(values: tuple[Fraction, Fraction, Fraction], total: Fraction) -> tuple[int, int, int]:
    """Rounded, green so that they add up to the rounded sum: a grey has no colour, and white is white."""
    first, last = _rounded(values[0]), _rounded(values[2])
    return first, _rounded(total) - first - last, last
