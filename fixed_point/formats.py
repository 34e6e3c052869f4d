"""Number formats: what a stored code means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from .errors import HwrtsError


@dataclass(frozen=True)
class Format:
    """How one tensor is stored: value = code * 2**-frac (eq. 1).

    Attributes:
        signed: Two's complement if True, else codes start at 0. An unsigned output is a ReLU for free:
            saturating at code 0 is max(x, 0).
        bits: Width of a code, 2..16.
        frac: Fraction bits; the least significant bit is worth 2**-frac. May be negative or exceed ``bits``.

    >>> PIXEL.min, PIXEL.max, str(PIXEL)
    (0, 255, 'u8 lsb 2^-8')
    >>> Format(signed=True, bits=8, frac=8).min
    -128
    """

    signed: bool
    bits: int
    frac: int

    def __post_init__(self) -> None:
        if type(self.signed) is not bool or type(self.bits) is not int or type(self.frac) is not int:
            raise HwrtsError(
                f"format: signed={self.signed!r} bits={self.bits!r} frac={self.frac!r}; use bool, int, int"
            )
        if not 2 <= self.bits <= 16:
            raise HwrtsError(f"format: {self.bits} bits are not supported; use 2..16")
        if not -32 <= self.frac <= 32:
            raise HwrtsError(f"format: {self.frac} fraction bits are not supported; use -32..32")

    @property
    def min(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def magnitude(self) -> int:
        """Largest absolute value of a code."""
        return max(self.max, -self.min)

    def of_bits(self, bits: int) -> "Format":
        """The same range in so many bits.

        >>> str(PIXEL.of_bits(10))
        'u10 lsb 2^-10'
        """
        return Format(self.signed, bits, self.frac + bits - self.bits)

    @property
    def dtype(self) -> DTypeLike:
        """The narrowest NumPy integer type that holds every code."""
        if self.bits <= 8:
            return np.int8 if self.signed else np.uint8
        return np.int16 if self.signed else np.uint16

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits} lsb 2^{-self.frac}"


def weight_limit(bits: int) -> int:
    """Largest magnitude of a weight code: symmetric, so the most negative code is left out.

    >>> weight_limit(8), weight_limit(2)
    (127, 1)
    """
    return (1 << (bits - 1)) - 1


def pixel_format(bits: int) -> Format:
    """Pixel code p of so many bits stands for the value p * 2**-bits: white is just below 1 at any width.

    >>> str(pixel_format(10)), pixel_format(8) == PIXEL
    ('u10 lsb 2^-10', True)
    """
    return Format(signed=False, bits=bits, frac=bits)


PIXEL = pixel_format(8)
"""Pixel code p in 0..255 stands for the value p * 2**-8: image input and output of every network."""
