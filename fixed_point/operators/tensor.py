"""What is known of a tensor before any of its codes, and what is counted of an operator that makes it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..codes import Codes, Input
from ..errors import HwrtsError
from ..formats import Format
from ..window import ONE_PIXEL, Window

_MAX_SCALE = 64
"""Largest enlargement of a tensor against the input, through all layers."""
_MAX_MULTIPLE = 64
"""Of a picture's sides: the deepest U-Nets of the field shrink by 32."""


@dataclass(frozen=True)
class Tensor:
    """What is known of a tensor before any of its codes.

    Of an input of H x W it has scale*H - lacks[0] rows and scale*W - lacks[1] columns; H and W are multiples
    of ``Network.multiple``, so these are whole numbers.

    Attributes:
        name: Its name.
        channels: C.
        scale: Height and width relative to the network's input: 2 means twice as large, 1/2 half as large; 0
            is a single pixel, whatever the size of the input, and it lacks ONE_PIXEL.
        out: Format of its codes.
        lacks: Rows and columns that convolutions without padding have taken away.
    """

    name: str
    channels: int
    scale: Fraction
    out: Format
    lacks: tuple[int, int] = (0, 0)

    @property
    def shape(self) -> tuple[Fraction, tuple[int, int]]:
        """What two tensors of one size have in common."""
        return self.scale, self.lacks

    @property
    def described(self) -> str:
        """Its shape in words."""
        if self.scale == 0:
            return f"{self.channels} channels of one pixel"
        lacks = f" less {self.lacks[0]} rows and {self.lacks[1]} columns" if any(self.lacks) else ""
        return f"{self.channels} channels at {self.scale} times the input's size{lacks}"

    def seen(self, window: Window, name: str, channels: int, out: Format) -> "Tensor":
        """The tensor that an operator with that window makes of this one.

        Raises:
            HwrtsError: It would make more, or less, of a single pixel.

        >>> picture = Tensor("x", 3, Fraction(1), Format(False, 8, 8))
        >>> small = picture.seen(Window(before=1, after=1, shrink=2), "y", 8, picture.out)
        >>> small.scale, small.lacks
        (Fraction(1, 2), (0, 0))
        """
        lacks = window.lacking(self.lacks)
        if window.whole:
            return Tensor(name, channels, Fraction(0), out, ONE_PIXEL)
        if self.scale == 0 and (lacks != ONE_PIXEL or max(window.smallest(0), window.smallest(1)) > 1):
            raise HwrtsError(
                f"layer {name!r}: makes another size of {self.name!r}, which has one pixel for a whole "
                "picture; multiply the picture by it, or add it, as it is"
            )
        return Tensor(name, channels, self.scale * window.grow / window.shrink, out, lacks)


def check_sizes(tensors: Iterable[Tensor], *, part: bool = False) -> None:
    """Refuse tensors that nobody has, or whose parts would not be those of the whole.

    Args:
        tensors: Of a network.
        part: Whether it is a part of another one, whose input may lack rows that it puts back.

    Raises:
        HwrtsError: Too large, too small, or padded beyond scale * size.
    """
    multiple = 1
    for tensor in tensors:
        multiple = math.lcm(multiple, tensor.scale.denominator)
        rows, columns = (max(0, -lack) if tensor.scale else 0 for lack in tensor.lacks)
        if tensor.scale > _MAX_SCALE:
            fact = f"enlarges the input by more than {_MAX_SCALE}; use smaller factors"
        elif multiple > _MAX_MULTIPLE:
            fact = (
                f"needs pictures whose sides are multiples of {multiple}, at most {_MAX_MULTIPLE} is "
                "supported; use smaller strides"
            )
        elif (rows or columns) and not part:
            fact = (
                f"its padding makes a picture {rows} rows and {columns} columns larger than the one that "
                "comes in; use less padding"
            )
        else:
            continue
        raise HwrtsError(f"layer {tensor.name!r}: {fact}")


def fed(source: Input) -> Tensor:
    """A tensor from outside: as large as the picture or so many times, or one pixel of it all."""
    size = Fraction(source.grow, source.shrink)
    scale, lacks = (Fraction(0), ONE_PIXEL) if source.whole else (size, (0, 0))
    return Tensor(source.name, source.channels, scale, source.out, lacks)


def plain(number: Fraction) -> int | Fraction:
    """A number that is mostly whole, as an int where it is."""
    return number.numerator if number.denominator == 1 else number


@dataclass(frozen=True)
class Work:
    """What an operator stores and computes; operations are counted per pixel of the network's input.

    Of a picture that is smaller than the input, a pixel of the input has a part of an operation.

    Attributes:
        weights: Weights.
        weight_bits: Width of one of them; None without weights.
        biases: Biases, 32 bits each.
        slopes: Slopes, 8 bits each.
        macs: Multiplications of a weight and a code with accumulation.
        multiplications: By constants and slopes, and of two codes.
        entries: Entries of a table, each as wide as a code of the result.
    """

    weights: int = 0
    weight_bits: int | None = None
    biases: int = 0
    slopes: int = 0
    macs: int | Fraction = 0
    multiplications: int | Fraction = 0
    entries: int = 0


Worst = Mapping[str, int | Codes]
"""Of each source of an operator by name, a code all over, or codes (H, W, C)."""


@dataclass(frozen=True)
class Constant:
    """An array of a layer; what its last axis holds is one word of a memory.

    Attributes:
        values: int64, of two axes or more.
        axes: What each axis is.
        bits: Of each number.
        signed: Whether it is in two's complement.
    """

    values: NDArray[np.int64]
    axes: tuple[str, ...]
    bits: int
    signed: bool

    @staticmethod
    def of_channels(array: NDArray[np.signedinteger], bits: int | None = None) -> "Constant":
        """A number for each channel, (C,), as wide as it is kept, or of so many bits."""
        bits = 8 * array.itemsize if bits is None else bits
        return Constant(array.astype(np.int64)[:, None], ("channel", "one number"), bits, True)
