"""A slice of channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import Field
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator

Channel = Annotated[int, Field(ge=0, le=1 << 16)]
"""As many as a tensor may have."""


@dataclass(frozen=True)
class Slice(Operator):
    """The channels start .. stop - 1.

    Its spellings are read by ``hwrts.graph.cut``: most of them say how many parts there are, or count from
    behind, so that start and stop are known when the channels of the whole graph are.
    """

    SPELLED = "split, chunk and slices of channels"
    MOVES = True

    sources: tuple[str]
    start: Channel
    stop: Channel

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Nothing is, without the channels of its source."""
        return None

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, stop - start, H, W)."""
        return xs[0][:, self.start : self.stop]

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def channels(self, *sources: Fraction) -> Fraction:
        """Those between, whatever the source has."""
        return Fraction(self.stop - self.start)

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same channels."""
        return fixed_point.Slice(self.name, self.sources[0], self.start, self.stop)
