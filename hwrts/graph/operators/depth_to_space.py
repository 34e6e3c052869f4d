"""PixelShuffle: channels become pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.conv_facts import factor_of
from hwrts.graph.operators.operator import Factor, Operator

if TYPE_CHECKING:
    from hwrts.graph.operators.affine import Affine


@dataclass(frozen=True)
class DepthToSpace(Operator):
    """Channel c*R*R + i*R + j goes to (c, y*R + i, x*R + j), with R = block."""

    MODULES = (nn.PixelShuffle,)
    FUNCTIONS = (F.pixel_shuffle, torch.pixel_shuffle)
    SPELLED = "PixelShuffle"
    MOVES = True
    REARRANGES = True

    sources: tuple[str]
    block: Factor

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings."""
        return cls(call.name, call.sources(), factor_of(call, "upscale_factor"))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C*R*R, H, W) to (N, C, H*R, W*R)."""
        return F.pixel_shuffle(xs[0], self.block)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    @property
    def window(self) -> Window:
        """A square of new pixels for each."""
        return Window(grow=self.block)

    def channels(self, *sources: Fraction) -> Fraction:
        """One of each block."""
        return sources[0] / self.block**2

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    @property
    def filters(self) -> bool:
        """Its pixels are channels of the kernel."""
        return True

    def before(self, constant: "Affine") -> "Affine | None":
        """A channel's numbers are those of all channels that it is made of."""
        return constant.spread(self.block**2)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same rearrangement."""
        return fixed_point.DepthToSpace(self.name, self.sources[0], self.block)
