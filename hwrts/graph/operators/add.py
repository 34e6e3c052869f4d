"""Addition of two tensors."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator


@dataclass(frozen=True)
class Add(Operator):
    """Sum of two tensors of the same shape, with an optional ReLU behind it."""

    FUNCTIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
    SPELLED = "add"

    sources: tuple[str, str]
    relu: bool = False

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Two tensors, no factor ``alpha``."""
        return None if call.node.kwargs else cls(call.name, call.sources(2))

    def value(self, *xs: Tensor) -> Tensor:
        """The sum."""
        x = xs[0] + xs[1]
        return F.relu(x) if self.relu else x

    def non_negative(self, sources: bool) -> bool:
        """Behind a ReLU, or if both operands are."""
        return self.relu or sources

    def lowest(self, *sources: float) -> float:
        """The sum."""
        return sum(sources)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """A ReLU is the sign of the format."""
        return fixed_point.Add(self.name, self.sources, formats[self.name])
