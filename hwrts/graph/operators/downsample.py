"""Down-scaling by interpolation: a convolution of each channel by itself, with constant weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.graph import interpolation
from hwrts.graph.interpolation import LARGEST_PART, read_interpolation
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import unless_centred

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True)
class Downsample(Composed):
    """One pixel of each square of K by K pixels.

    Attributes:
        taps: What each of K rows, and of K columns, counts; dyadic numbers.
    """

    MODULES = interpolation.MODULES
    FUNCTIONS: ClassVar[tuple[Any, ...]] = interpolation.FUNCTIONS
    SPELLED = "down-scaling by a whole number: nearest, bilinear, area"

    sources: tuple[str]
    taps: tuple[float, ...]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """By 1/K, as torch places and weighs pixels."""
        given = read_interpolation(call)
        size, mode = given.factor.denominator, given.mode
        if given.factor >= 1 or given.factor.numerator > 1 or (mode == "bicubic" and size <= LARGEST_PART):
            return None  # by p/q, and of taps that reach farther
        if mode == "bicubic":
            raise call.refused(f"bicubic by {given.factor}; down to 1/{LARGEST_PART} is supported")
        # rows that torch reads for new row r: its centre lies at K*r + (K - 1)/2 of the old ones
        rows = {
            "nearest": [0],
            "nearest-exact": [size // 2],
            "bilinear": [(size - 1) // 2, size // 2],
            "area": range(size),
        }[mode]
        taps = [0.0] * size
        for row in rows:
            taps[row] += 1 / len(rows)
        return cls(call.name, call.sources(), tuple(taps))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, K*H, K*W) to (N, C, H, W)."""
        channels = xs[0].shape[1]
        weight = self._weight(channels).to(xs[0])
        return F.conv2d(xs[0], weight, stride=len(self.taps), groups=channels)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels."""
        weight, size = self._weight(channels), len(self.taps)
        pads = unless_centred((0, 0, 0, 0), weight, 1)
        zeros = torch.zeros(channels)
        conv = Conv(
            self.name,
            self.sources,
            weight,
            zeros,
            groups=channels,
            stride=size,
            pads=pads,
            frozen=True,
            sparse=True,
        )
        return (conv,)

    def _weight(self, channels: int) -> Tensor:
        """(C, 1, K, K); no larger than what is read of it."""
        taps = torch.tensor(self.taps)
        while len(taps) > 1 and not taps[-1]:
            taps = taps[:-1]
        return (taps[:, None] * taps).expand(channels, 1, -1, -1).clone()
