"""Interpolation by p/q: of each q rows and columns p new ones, by a convolution with constant weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hwrts.files.read import Text
from hwrts.graph import interpolation
from hwrts.graph.interpolation import LARGEST_PART, read_interpolation
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import unless_centred
from hwrts.graph.operators.depth_to_space import DepthToSpace

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

_CUBIC = -0.75
"""The parameter of Keys' kernel that torch has."""
_Part = Annotated[int, Field(ge=1, le=LARGEST_PART)]


@dataclass(frozen=True)
class Rational(Composed):
    """A picture p/q times as high and wide (eq. 43).

    New row p*m + r lies at (r + 1/2) * q/p - 1/2 of the old rows from q*m on: so each of p new rows has taps
    of its own, the same for all m, and a convolution of stride q has all of them.

    Attributes:
        mode: As torch calls it: nearest, nearest-exact, bilinear or bicubic.
        grow: p.
        shrink: q.
    """

    MODULES = interpolation.MODULES
    FUNCTIONS: ClassVar[tuple[Any, ...]] = interpolation.FUNCTIONS
    SPELLED = f"interpolation by p/q up to {LARGEST_PART}: nearest, bilinear, bicubic"

    sources: tuple[str]
    mode: Text
    grow: _Part
    shrink: _Part

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """By what is no whole number and no mean."""
        given = read_interpolation(call)
        if given.factor.denominator == 1:
            return None
        if given.mode == "area":
            raise call.refused(f"area by {given.factor}; use bilinear, or area by 1/2, 1/3, ..")
        return cls(call.name, call.sources(), given.mode, given.factor.numerator, given.factor.denominator)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, q*H, q*W) to (N, C, p*H, p*W)."""
        channels = xs[0].shape[1]
        weight, (before, after) = self._weight(channels)
        padded = F.pad(xs[0], (before, after, before, after), "replicate")
        return F.pixel_shuffle(
            F.conv2d(padded, weight.to(xs[0]), stride=self.shrink, groups=channels), self.grow
        )

    def non_negative(self, sources: bool) -> bool:
        """As its source, where no tap is below 0."""
        return sources and self.mode != "bicubic"

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels, of edges that are repeated, and a PixelShuffle."""
        weight, (before, after) = self._weight(channels)
        conv = Conv(
            self.name,
            self.sources,
            weight,
            torch.zeros(len(weight)),
            replicate=before > 0 or after > 0,
            groups=channels,
            stride=self.shrink,
            pads=unless_centred((before, before, after, after), weight, 1),
            frozen=True,
            sparse=True,
        )
        if self.grow == 1:
            return (conv,)
        phases = new(f"{self.name}_phases")
        return (
            Conv(**{**vars(conv), "name": phases}),
            DepthToSpace(self.name, (phases,), self.grow),
        )

    def _weight(self, channels: int) -> tuple[Tensor, tuple[int, int]]:
        """(C*p*p, 1, K, K), and how many rows in front of the first, and behind the last, it reads."""
        rows = [self._taps(row) for row in range(self.grow)]
        first = min(0, *(min(taps) for taps in rows))
        last = max(max(taps) for taps in rows)
        taps = torch.zeros(self.grow, last - first + 1, dtype=torch.float64)
        for row, each in enumerate(rows):
            for place, share in each.items():
                taps[row, place - first] += share
        weight = torch.einsum("ik,jl->ijkl", taps, taps).flatten(0, 1)[:, None]  # (p*p, 1, K, K)
        return weight.repeat(channels, 1, 1, 1).float(), (-first, max(0, last - (self.shrink - 1)))

    def _taps(self, row: int) -> dict[int, float]:
        """What each old row counts for new row ``row``."""
        if self.mode == "nearest":
            return {row * self.shrink // self.grow: 1.0}
        if self.mode == "nearest-exact":
            return {(2 * row + 1) * self.shrink // (2 * self.grow): 1.0}
        centre = (2 * row + 1) * self.shrink / (2 * self.grow) - 0.5
        base = math.floor(centre)
        reach = 1 if self.mode == "bilinear" else 2
        kernel = _tent if self.mode == "bilinear" else _keys
        taps = {place: kernel(abs(centre - place)) for place in range(base + 1 - reach, base + 1 + reach)}
        return {place: weight for place, weight in taps.items() if weight}


def _tent(apart: float) -> float:
    return 1 - apart


def _keys(apart: float) -> float:
    if apart <= 1:
        return ((_CUBIC + 2) * apart - (_CUBIC + 3)) * apart * apart + 1
    return ((_CUBIC * apart - 5 * _CUBIC) * apart + 8 * _CUBIC) * apart - 4 * _CUBIC
