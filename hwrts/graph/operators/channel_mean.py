"""Mean over the channels of each pixel: a convolution of 1x1 whose weights are not trained."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.global_average import MEANS, mean_dims

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True)
class ChannelMean(Composed):
    """The mean of all channels: 1/C times each (eq. 38)."""

    FUNCTIONS = MEANS
    SPELLED = "mean over channels"

    sources: tuple[str]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A mean over channels that keeps the dimension."""
        return cls(call.name, call.sources()) if mean_dims(call) == {1} else None

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 1, H, W)."""
        return xs[0].mean(1, keepdim=True)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def channels(self, *sources: Fraction) -> Fraction:
        """One."""
        return Fraction(1)

    def joined(self, front: "Node") -> "Node | None":
        """With nothing: it is rewritten before anything is joined."""
        return None

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution, of as many weights as channels."""
        weight = torch.full((1, channels, 1, 1), 1 / channels)
        return (Conv(self.name, self.sources, weight, torch.zeros(1), frozen=True),)
