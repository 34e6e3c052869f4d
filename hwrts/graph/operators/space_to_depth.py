"""PixelUnshuffle: pixels become channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv_facts import factor_of
from hwrts.graph.operators.operator import Factor, Operator


@dataclass(frozen=True)
class SpaceToDepth(Operator):
    """Channel c at (y*R + i, x*R + j) goes to channel c*R*R + i*R + j at (y, x), with R = block."""

    MODULES = (nn.PixelUnshuffle,)
    FUNCTIONS = (F.pixel_unshuffle, torch.pixel_unshuffle)
    SPELLED = "PixelUnshuffle"
    MOVES = True

    sources: tuple[str]
    block: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings."""
        return cls(call.name, call.sources(), factor_of(call, "downscale_factor"))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C*R*R, H/R, W/R)."""
        return F.pixel_unshuffle(xs[0], self.block)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    @property
    def window(self) -> Window:
        """As its integers have it."""
        return self._integers().window

    def channels(self, *sources: Fraction) -> Fraction:
        """A block of each."""
        return sources[0] * self.block**2

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same rearrangement."""
        return self._integers()

    def _integers(self) -> fixed_point.SpaceToDepth:
        return fixed_point.SpaceToDepth(self.name, self.sources[0], self.block)
