"""What is known of a tensor before any of its codes, and what is counted of an operator that makes it."""

from dataclasses import dataclass
from fractions import Fraction

from ..errors import HwrtsError
from ..formats import Format
from ..window import Window


@dataclass(frozen=True)
class Tensor:
    """What is known of a tensor before any of its codes.

    Of an input of H x W it has scale*H - lacks[0] rows and scale*W - lacks[1] columns; H and W are multiples
    of ``Network.multiple``, so these are whole numbers.

    Attributes:
        name: Its name.
        channels: C.
        scale: Height and width relative to the network's input: 2 means twice as large, 1/2 half as large.
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
        lacks = f" less {self.lacks[0]} rows and {self.lacks[1]} columns" if any(self.lacks) else ""
        return f"{self.channels} channels at {self.scale} times the input's size{lacks}"

    def seen(self, window: Window, name: str, channels: int, out: Format) -> "Tensor":
        """The tensor that an operator with that window makes of this one.

        Raises:
            HwrtsError: It would be larger than its scale says: more padding than its kernel takes away.

        >>> picture = Tensor("x", 3, Fraction(1), Format(False, 8, 8))
        >>> small = picture.seen(Window(before=1, after=1, shrink=2), "y", 8, picture.out)
        >>> small.scale, small.lacks
        (Fraction(1, 2), (0, 0))
        """
        rows, columns = window.lacking(self.lacks)
        if min(rows, columns) < 0:
            raise HwrtsError(
                f"layer {name!r}: its padding makes a picture larger than that of its source by "
                f"{max(0, -rows)} rows and {max(0, -columns)} columns; use less padding"
            )
        return Tensor(name, channels, self.scale * window.grow / window.shrink, out, (rows, columns))


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
