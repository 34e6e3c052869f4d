"""Concatenation along channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import torch
from torch import Tensor

from hwrts import fixed_point
from hwrts.fixed_point import Format
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator


@dataclass(frozen=True)
class Concat(Operator):
    """The channels of two or more tensors behind one another."""

    FUNCTIONS = (torch.cat, torch.concat, torch.concatenate)
    SPELLED = "concat along channels"
    JOINS = True

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Two tensors or more in a list or tuple; of a single one, nothing is to be done."""
        sources = operands_of(call)
        return cls(call.name, sources) if len(sources) > 1 else None

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C_n, H, W) each to (N, sum of C_n, H, W)."""
        return torch.cat(xs, 1)

    def non_negative(self, sources: bool) -> bool:
        """If all operands are."""
        return sources

    def channels(self, *sources: Fraction) -> Fraction:
        """All of them."""
        return sum(sources, Fraction(0))

    def lowest(self, *sources: float) -> float:
        """The lowest of all."""
        return min(sources)

    @property
    def linear(self) -> bool:
        """What it reads stays what it is."""
        return True

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same operands on one grid."""
        return fixed_point.Concat(self.name, self.sources, formats[self.name])


def operands_of(call: Call) -> tuple[str, ...]:
    """The tensors that a concatenation puts together, along channels.

    Raises:
        UnsupportedOperatorError: Along another dimension, or what is no list of tensors.
    """
    call.only("tensors", "dim", "axis")
    call.along_channels(1)
    given = call.argument(0, "tensors")
    return call.tensors(given if isinstance(given, list | tuple) else (given,))
