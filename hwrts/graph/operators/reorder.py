"""Channels in another order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.operators.slice import Channel


def reorder(x: Tensor, order: Sequence[int]) -> Tensor:
    """Channel c is channel order[c] of ``x`` (N, C, H, W): what views and permutations come down to."""
    return x[:, list(order)]


@dataclass(frozen=True)
class Reorder(Operator):
    """Channel c of the result is channel order[c] of the source.

    Its spellings, such as a channel shuffle by views, are read by ``hwrts.graph.rearrange``.

    Attributes:
        order: Numbers of channels of the source.
    """

    FUNCTIONS = (reorder,)
    SPELLED = "orders of channels"
    MOVES = True

    sources: tuple[str]
    order: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=1 << 16, strict=False)]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """As rearrangements are rewritten."""
        return cls(call.name, call.sources(), tuple(call.argument(1, "order")))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H, W)."""
        return reorder(xs[0], self.order)

    @property
    def without_factor(self) -> tuple[int, ...]:
        """Those that it passes on, which it could not take back."""
        return self.order

    def with_factors(self, made: Tensor | None, read: Tensor | None) -> Self | None:
        """Itself, if no channel that it passes on has one."""
        kept = made is None and read is not None and bool((read[list(self.order)] == 1).all())
        return self if kept else None

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def channels(self, *sources: Fraction) -> Fraction:
        """Those of the order; of a source that has not all of these, none that can be."""
        return Fraction(len(self.order)) if max(self.order) < sources[0] else Fraction(1, 2)

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same order; neighbours as they stand are a slice.

        ONNX Runtime makes one Split of a Gather of one channel and the slices beside it.
        """
        first, count = self.order[0], len(self.order)
        if self.order == tuple(range(first, first + count)):
            return fixed_point.Slice(self.name, self.sources[0], first, first + count)
        return fixed_point.Reorder(self.name, self.sources[0], np.array(self.order, np.int32))
