"""The layers that an integer network is made of: numbers and names, no arithmetic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .formats import Format
from .upsample import upsample_taps


@dataclass(frozen=True)
class Input:
    """A tensor that is fed from outside: codes (H, W, channels) of a format."""

    name: str
    channels: int
    out: Format


@dataclass(frozen=True, eq=False)
class _OneSource:
    """What every layer but the addition has.

    Attributes:
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
    """

    name: str
    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)

    def _own(self, *fields: str) -> None:
        """Read-only copies: an array shared with a training framework would change after its proof."""
        for field in fields:
            owned = np.array(getattr(self, field), order="C")
            owned.flags.writeable = False
            object.__setattr__(self, field, owned)


@dataclass(frozen=True, eq=False)
class Conv(_OneSource):
    """Convolution, stride 1, size kept by zero padding, then one requantisation per channel.

    Attributes:
        weight_i8: Codes (O, I, K, K) int8, symmetric.
        weight_frac: Fraction bits of each output channel's weights, (O,) int32.
        bias_i32: Codes (O,) int32 on the accumulator's grid, fraction bits source.frac + weight_frac (eq. 3).
        out: Format of the result; unsigned means that a ReLU is part of it.
        weight_bits: Width that the weight codes fit in, 2..8.
    """

    weight_i8: NDArray[np.int8]
    weight_frac: NDArray[np.int32]
    bias_i32: NDArray[np.int32]
    out: Format
    weight_bits: int = 8

    def __post_init__(self) -> None:
        self._own("weight_i8", "weight_frac", "bias_i32")

    def acc_frac(self, source: Format) -> NDArray[np.int64]:
        """Fraction bits of each output channel's accumulator for a source of that format, (O,) (eq. 3)."""
        return source.frac + self.weight_frac.astype(np.int64)

    def shift(self, source: Format) -> NDArray[np.int64]:
        """Bits that requantising each output channel drops, (O,); negative ones are added (eq. 4)."""
        return self.acc_frac(source) - self.out.frac


@dataclass(frozen=True)
class Add:
    """Sum of two tensors of the same shape, requantised once (eq. 6).

    Attributes:
        name: Name of the tensor it makes.
        sources: Names of the tensors it reads.
        out: Format of the result.
    """

    name: str
    sources: tuple[str, str]
    out: Format

    def acc_frac(self, a: Format, b: Format) -> int:
        """Fraction bits of the sum: the finer of the operands' grids (eq. 6)."""
        return max(a.frac, b.frac)


@dataclass(frozen=True)
class Scale(_OneSource):
    """Product with the constant multiplier * 2**-frac, requantised once (eq. 15).

    Attributes:
        multiplier: -127..127.
        frac: Fraction bits of the multiplier.
        out: Format of the result.
    """

    multiplier: int
    frac: int
    out: Format

    def acc_frac(self, source: Format) -> int:
        """Fraction bits of the product."""
        return source.frac + self.frac


@dataclass(frozen=True, eq=False)
class PRelu(_OneSource):
    """Leaky ReLU with one slope per channel below zero, requantised once (eq. 16).

    Attributes:
        slope_i8: Codes (C,) int8, symmetric.
        slope_frac: Fraction bits of all slopes, 0..24.
        out: Format of the result.
    """

    slope_i8: NDArray[np.int8]
    slope_frac: int
    out: Format

    def __post_init__(self) -> None:
        self._own("slope_i8")

    def acc_frac(self, source: Format) -> int:
        """Fraction bits of the accumulator."""
        return source.frac + self.slope_frac


@dataclass(frozen=True)
class DepthToSpace(_OneSource):
    """Channels to pixels by ``block``, 2..16; codes and format stay (eq. 7)."""

    block: int


@dataclass(frozen=True)
class Repeat(_OneSource):
    """Pixel repetition by ``factor``, 2..16; codes and format stay (eq. 8)."""

    factor: int


@dataclass(frozen=True)
class Upsample(_OneSource):
    """Interpolation by fixed dyadic taps, edges replicated, requantised once (eq. 17).

    Attributes:
        kind: "bilinear" or "bicubic".
        factor: By which height and width grow.
        out: Format of the result.
    """

    kind: str
    factor: int
    out: Format

    def acc_frac(self, source: Format) -> int:
        """Fraction bits of the accumulator."""
        return source.frac + 2 * upsample_taps(self.kind, self.factor)[1]


Layer = Conv | Add | Scale | PRelu | DepthToSpace | Repeat | Upsample
Requantised = Conv | Add | Scale | PRelu | Upsample
"""Layers that compute: each ends in one requantisation onto a format of its own."""
