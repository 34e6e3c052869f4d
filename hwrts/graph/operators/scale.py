"""Multiplication by a constant."""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, fx

from hwrts import fixed_point
from hwrts.files.read import LARGEST
from hwrts.fixed_point import Format
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.rounding import dyadic_factor

if TYPE_CHECKING:
    from hwrts.graph.operators import Node
    from hwrts.graph.operators.conv import Conv

LEAST_FACTOR = 2.0**-24
"""Smallest factor, and its inverse the largest: far beyond what a network has; no shift is at its limit."""

TIMES = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply", "multiply_")
"""Of a number, or of another tensor (``Multiply``)."""
OVER = (
    operator.truediv,
    operator.itruediv,
    torch.div,
    torch.divide,
    torch.true_divide,
    "div",
    "div_",
    "divide",
    "divide_",
    "true_divide",
    "true_divide_",
)
"""Over a number, or another tensor (``Divide``); a number over a tensor is a table (``Lookup``)."""
_NEGATIONS = (
    operator.neg,
    torch.neg,
    torch.neg_,
    torch.negative,
    torch.negative_,
    "neg",
    "neg_",
    "negative",
    "negative_",
)


@dataclass(frozen=True)
class Scale(Operator):
    """factor * x."""

    FUNCTIONS = (*TIMES, *OVER, *_NEGATIONS)
    SPELLED = "multiplication by a number"
    AS_CONVOLUTIONS = True

    sources: tuple[str]
    factor: Annotated[float, Field(ge=-LARGEST, le=LARGEST)]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A tensor times or over a number, a number times a tensor, or a tensor's negation."""
        given = call.node.args
        if call.function in _NEGATIONS:
            return cls(call.name, call.sources(), -1.0)
        if call.node.kwargs:
            return None
        over = call.function in OVER
        operands = [each for each in given if isinstance(each, fx.Node) and call.is_picture(each)]
        if len(operands) == len(given) == 2:
            return None  # of two tensors
        if over and len(given) == 2 and given[1] in operands:
            return None  # a number over a tensor
        numbers = [operand for operand in given if not call.is_picture(operand)]
        if len(operands) != 1 or len(numbers) != 1:
            raise call.refused(f"takes {list(given)}; a tensor times or over a number is supported")
        if not is_factor(call, numbers[0]):
            return None
        number = call.finite(numbers[0])
        if number == 0:
            raise call.refused("the number 0 leaves nothing; use another")
        if not LEAST_FACTOR <= abs(number) <= 1 / LEAST_FACTOR:
            raise call.refused(
                f"the number {number:g} is beyond 2^-24 to 2^24, what int8 codes can be scaled by; "
                "bring it nearer to 1"
            )
        return cls(call.name, (call.tensor(operands[0]),), 1 / number if over else number)

    def value(self, *xs: Tensor) -> Tensor:
        """The product."""
        return xs[0] * self.factor

    @property
    def only_rounds(self) -> bool:
        """Once the source."""
        return self.factor == 1

    def non_negative(self, sources: bool) -> bool:
        """As its source, unless the factor turns the sign."""
        return sources and self.factor >= 0

    def joined(self, front: "Node") -> "Node | None":
        """The one in front with the factor in its numbers."""
        return front.times(self.factor)

    def branch(self, sign: int, channels: int, like: "Conv") -> "Conv":
        """Of each channel by itself."""
        return replace(like.identity(channels, sign * self.factor), sources=self.sources)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """By the factor's nearest dyadic number (eq. 15)."""
        multiplier, frac = _dyadic(self.factor)
        return replace(self, factor=math.ldexp(multiplier, -frac)).value(sources[0].value)

    def lowest(self, *sources: float) -> float:
        """Times the factor, unless that turns the sign."""
        return sources[0] * self.factor if self.factor > 0 else -math.inf

    @property
    def real_numbers(self) -> NDArray[np.float64]:
        """Its factor."""
        return np.array(self.factor)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """By the same number."""
        multiplier, frac = _dyadic(self.factor)
        return fixed_point.Scale(self.name, self.sources[0], multiplier, frac, formats[self.name])


def _dyadic(factor: float) -> tuple[int, int]:
    """Multiplier and fraction bits; once, which only brings a tensor to another grid, is no product."""
    return (1, 0) if factor == 1 else dyadic_factor(factor)


def is_factor(call: Call, constant: Any) -> bool:
    """Whether a constant is one for all channels, and not 0 as a parameter may be before its training."""
    held = call.constant(constant)
    return held is None or (held.numel() == 1 and bool(held))
