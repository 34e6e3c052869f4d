"""Product of two tensors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.fixed_point.operators.spread import channels_meet
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.operators.scale import TIMES


@dataclass(frozen=True)
class Multiply(Operator):
    """Product of two tensors of the same shape, or of one and another of one channel."""

    FUNCTIONS = TIMES
    SPELLED = "product of two tensors"
    AS_CONVOLUTIONS = True

    sources: tuple[str, str]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Two tensors; a tensor and a number are a Scale."""
        sources = call.two_pictures()
        return None if sources is None else cls(call.name, sources)

    def value(self, *xs: Tensor) -> Tensor:
        """The product."""
        return xs[0] * xs[1]

    def non_negative(self, sources: bool) -> bool:
        """If both operands are, or are the same tensor."""
        return sources or self.sources[0] == self.sources[1]

    def channels(self, *sources: Fraction) -> Fraction:
        """One channel is spread over those of the other."""
        return max(sources)

    def lowest(self, *sources: float) -> float:
        """The product, where neither can be below zero."""
        a, b = sources
        return a * b if min(a, b) >= 0 else -math.inf

    def meets(self, *sources: Fraction) -> bool:
        """Of as many channels, or of one."""
        return channels_meet(*sources)

    def multiplier_of(self, source: str, values: Mapping[str, Tensor]) -> Tensor | None:
        """The other one; a square multiplies by itself."""
        others = [name for name in self.sources if name != source]
        return values[others[0]] if len(others) == 1 else None

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same product."""
        return fixed_point.Multiply(self.name, self.sources, formats[self.name])
