"""Addition and subtraction of two tensors."""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.fixed_point.operators.spread import channels_meet
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator

PLUS = (operator.add, operator.iadd, torch.add, "add", "add_")
"""Of two tensors; ``alpha`` times the second."""
MINUS = (
    operator.sub,
    operator.isub,
    torch.sub,
    torch.subtract,
    "sub",
    "sub_",
    "subtract",
    "subtract_",
)
"""As PLUS."""


@dataclass(frozen=True)
class Add(Operator):
    """Sum or difference of two tensors of the same shape, with an optional ReLU behind it.

    One of one channel or of one pixel meets all of the other.

    Attributes:
        relu: Whether max(0, .) follows.
        negated: Whether the second tensor is subtracted.
    """

    FUNCTIONS = (*PLUS, *MINUS)
    SPELLED = "add, subtract"
    LETS_FACTORS_THROUGH = True

    sources: tuple[str, str]
    relu: bool = False
    negated: bool = field(default=False, metadata={"later": True})

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Two tensors; of another factor ``alpha`` than 1 and -1 the tracer has made a multiplication."""
        call.only("input", "other", "alpha")
        operands = call.argument(0, "input"), call.argument(1, "other")
        if any(call.is_picture(each) for each in operands) and not all(map(call.is_picture, operands)):
            return None  # of a constant
        a, b = call.tensors(operands, "2 tensors")
        alpha = call.node.kwargs.get("alpha", 1)
        assert alpha in (1, -1)
        return cls(call.name, (a, b), negated=(call.function not in PLUS) != (alpha == -1))

    def value(self, *xs: Tensor) -> Tensor:
        """The sum, or the difference."""
        x = xs[0] - xs[1] if self.negated else xs[0] + xs[1]
        return F.relu(x) if self.relu else x

    def non_negative(self, sources: bool) -> bool:
        """Behind a ReLU, or if both operands are and none is subtracted."""
        return self.relu or (sources and not self.negated)

    def channels(self, *sources: Fraction) -> Fraction:
        """One channel is spread over those of the other."""
        return max(sources)

    def meets(self, *sources: Fraction) -> bool:
        """Of as many channels, or of one."""
        return channels_meet(*sources)

    def lowest(self, *sources: float) -> float:
        """The sum; of a difference nothing is known."""
        return -math.inf if self.negated else sum(sources)

    @property
    def signs(self) -> tuple[int, ...] | None:
        """A ReLU is more than a sum."""
        return None if self.relu else (1, -1 if self.negated else 1)

    def with_relu(self) -> Self:
        """Saturation of an unsigned sum."""
        return replace(self, relu=True)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """A ReLU is the sign of the format."""
        return fixed_point.Add(self.name, self.sources, formats[self.name], self.negated)
