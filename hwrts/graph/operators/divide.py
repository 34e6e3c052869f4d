"""One tensor over another: a product with a table."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from torch import Tensor

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.lookup import Lookup
from hwrts.graph.operators.multiply import Multiply
from hwrts.graph.operators.scale import OVER

if TYPE_CHECKING:
    from hwrts.graph.operators import Node


@dataclass(frozen=True)
class Divide(Composed):
    """a / b, of the same shape or with one channel in one of them."""

    FUNCTIONS = OVER
    SPELLED = "quotient of two tensors"

    sources: tuple[str, str]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Two tensors; with a number on either side it is something else."""
        sources = call.two_pictures()
        return None if sources is None else cls(call.name, sources)

    def value(self, *xs: Tensor) -> Tensor:
        """The quotient."""
        return xs[0] / xs[1]

    def non_negative(self, sources: bool) -> bool:
        """If both operands are."""
        return sources

    def channels(self, *sources: Fraction) -> Fraction:
        """One channel is spread over those of the other."""
        return max(sources)

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A * (1 / b): a table and a product."""
        a, b = self.sources
        inverse = Lookup(new(f"{self.name}_inverse"), (b,), "reciprocal")
        return inverse, Multiply(self.name, (a, inverse.name))
