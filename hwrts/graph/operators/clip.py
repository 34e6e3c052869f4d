"""Limits of a tensor's values: ReLU6, Hardtanh, a clamp, and a ReLU that nothing in front takes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.files.read import LARGEST
from hwrts.fixed_point import Format, Rounding
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.neighbour import Limits
from hwrts.graph.operators.operator import Operator
from hwrts.graph.widths import Widths

_HARDTANH = (F.hardtanh, F.hardtanh_)
_BELOW = (torch.clamp_min, torch.clamp_min_, "clamp_min", "clamp_min_")
_ABOVE = (torch.clamp_max, torch.clamp_max_, "clamp_max", "clamp_max_")
CLAMPS: tuple[Any, ...] = (
    *(torch.clamp, torch.clamp_, torch.clip, torch.clip_, "clamp", "clamp_", "clip", "clip_"),
    *_BELOW,
    *_ABOVE,
)
"""Functions that may have one limit alone."""

Limit = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
"""A value, or None where there is no limit on that side."""


@dataclass(frozen=True)
class Clip(Operator):
    """min(max(x, low), high): codes that pass stay the same, so it has its source's format.

    Attributes:
        low: Smallest value of the result.
        high: Largest value of the result.
    """

    MODULES = (nn.Hardtanh,)  # ReLU6 is one
    FUNCTIONS = (*CLAMPS, *_HARDTANH, F.relu6)
    SPELLED = "ReLU6, Hardtanh, clamp"
    PARTS = "limits"
    MOVES = True
    KEEPS_PICTURES = True

    sources: tuple[str]
    low: Limit
    high: Limit

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of its spellings."""
        return cls(call.name, call.sources(), *given_limits(call))

    def value(self, *xs: Tensor) -> Tensor:
        """Between the limits."""
        low, high = (-math.inf if self.low is None else self.low), self.high
        return xs[0].clamp(low, high)

    def non_negative(self, sources: bool) -> bool:
        """As its source, or where nothing below 0 passes."""
        return sources or (self.low is not None and self.low >= 0)

    def lowest(self, *sources: float) -> float:
        """Its limit, if that is above its source's."""
        return sources[0] if self.low is None else max(self.low, sources[0])

    @property
    def limits(self) -> Limits:
        """Its own."""
        return self.low, self.high

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
        """Its limits as codes."""
        return QuantLimits(self, formats[self.sources[0]])

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """Between the values of the codes."""
        made: Tensor = part(sources[0].value)
        return made

    def fine_tuned(self, part: Any) -> Self:
        """Itself: limits are not trained."""
        return self

    @property
    def real_numbers(self) -> NDArray[np.float64]:
        """Its limits, infinite where there is none."""
        low, high = self.limits
        return np.array((-np.inf if low is None else low, np.inf if high is None else high))

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """Between the same codes."""
        return fixed_point.Clip(self.name, self.sources[0], *limits_of(self, formats[self.sources[0]]))


def limits_of(node: Clip, source: Format) -> tuple[int, int]:
    """The codes of both limits (eq. 27): the nearest, half to even; beyond the format, its end.

    QAT and lowering have them from here.

    >>> limits_of(Clip("y", ("x",), 0.0, 6.0), Format(True, 8, 4))
    (0, 96)
    >>> limits_of(Clip("y", ("x",), 0.3, 6.0), Format(True, 8, 5))  # 9.6, and 192 that is no code
    (10, 127)
    """
    codes = [
        end if limit is None else min(max(round(math.ldexp(limit, source.frac)), source.min), source.max)
        for limit, end in ((node.low, source.min), (node.high, source.max))
    ]
    return codes[0], codes[1]


class QuantLimits(nn.Module):
    """A clip between the values of two codes; it holds nothing that is trained or stored.

    Args:
        node: The limits.
        source: Format of what is clipped.
    """

    def __init__(self, node: Clip, source: Format) -> None:
        super().__init__()
        self.low, self.high = (math.ldexp(code, -source.frac) for code in limits_of(node, source))

    def forward(self, x: Tensor) -> Tensor:
        """Values on the grid of ``x``; the gradient passes between the limits."""
        return x.clamp(self.low, self.high)


def given_limits(call: Call) -> tuple[Limit, Limit]:
    """The smallest and the largest value that a call lets pass.

    Raises:
        UnsupportedOperatorError: Limits that are no numbers, or pass nothing.
    """
    names, given = _names_and_defaults(call)
    if call.module is None:
        kwargs = {name.removesuffix("_val"): value for name, value in call.node.kwargs.items()}
        given |= dict(zip(names, call.node.args[1:], strict=False)) | kwargs
    others = given.keys() - {"min", "max", "inplace"}
    if others:
        raise call.refused(f"its argument {min(others)!r} is not supported; give limits alone")
    low, high = (None if given.get(end) is None else call.finite(given[end]) for end in ("min", "max"))
    if low is None and high is None:
        raise call.refused("a clamp without limits is not supported; give one or leave it out")
    if low is not None and high is not None and low >= high:
        raise call.refused(f"limits {low:g} and {high:g} leave one value; a range is supported")
    if any(limit is not None and abs(limit) > LARGEST for limit in (low, high)):
        raise call.refused(f"a limit beyond {LARGEST:g} is not supported; leave it out")
    return low, high


def _names_and_defaults(call: Call) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What a spelling takes behind its tensor, in order, and what it is if nothing is given."""
    if isinstance(call.module, nn.Hardtanh):
        return ("min", "max"), {"min": call.module.min_val, "max": call.module.max_val}
    if call.function is F.relu6:
        return ("inplace",), {"min": 0, "max": 6}
    if call.function in _HARDTANH:
        return ("min", "max", "inplace"), {"min": -1, "max": 1}
    if call.function in _BELOW:
        return ("min",), {}
    return (("max",) if call.function in _ABOVE else ("min", "max")), {}
