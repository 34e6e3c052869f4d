"""Leaky ReLU, with slopes that are trained or constant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Format, Rounding, weight_limit
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator, Rank
from hwrts.graph.rounding import StraightThrough, check_finite, dyadic_slopes, log2_of
from hwrts.graph.widths import Widths

SLOPE_BITS = 8
"""A slope is an int8 code, whatever the width of the weights (arithmetic.md, eq. 16)."""

_LEAKY = (F.leaky_relu, F.leaky_relu_)
_PRELU = (torch.prelu, "prelu")
_RANDOM = (F.rrelu, torch.rrelu, F.rrelu_, torch.rrelu_)


@dataclass(frozen=True, eq=False)
class PRelu(Operator):
    """x from zero on, slope * x below.

    Attributes:
        slope: (C,), or (1,) for all channels alike.
        trained: Whether fine-tuning may move the slopes; that of a LeakyReLU is a constant, and so is the
            mean of those that an RReLU draws in training.
    """

    MODULES = (nn.LeakyReLU, nn.PReLU, nn.RReLU)
    FUNCTIONS = (*_LEAKY, *_PRELU, *_RANDOM)
    SPELLED = "LeakyReLU, PReLU, RReLU"
    PARTS = "slopes"
    AS_CONVOLUTIONS = True
    LETS_FACTORS_THROUGH = True

    sources: tuple[str]
    slope: Annotated[Tensor, Rank(1)]
    trained: bool

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A parameter's slopes, or one constant slope."""
        trained = isinstance(call.module, nn.PReLU) or call.function in _PRELU
        if isinstance(call.module, nn.PReLU):
            slope = call.module.weight.detach()
        elif trained:
            weight = call.argument(1, "weight")
            found = call.constant(weight)
            if found is None:
                raise call.refused(f"its slopes {weight} are computed; a parameter or buffer is supported")
            slope = found.detach().flatten()
        elif isinstance(call.module, nn.LeakyReLU):
            slope = torch.full((1,), call.finite(call.module.negative_slope))
        elif isinstance(call.module, nn.RReLU):
            slope = torch.full((1,), (call.finite(call.module.lower) + call.finite(call.module.upper)) / 2)
        elif call.function in _RANDOM:
            if call.argument(3, "training", False):
                raise call.refused("draws its slopes, with training=True; use training=self.training")
            ends = call.argument(1, "lower", 1 / 8), call.argument(2, "upper", 1 / 3)  # torch's defaults
            slope = torch.full((1,), sum(map(call.finite, ends)) / 2)
        else:
            slope = torch.full((1,), call.finite(call.argument(1, "negative_slope", 0.01)))  # torch's default
        largest, limit = float(slope.abs().max()), weight_limit(SLOPE_BITS)
        if largest > limit:
            raise call.refused(f"a slope of {largest:g} in magnitude; {limit} is the largest")
        return cls(call.name, call.sources(), slope, trained)

    def value(self, *xs: Tensor) -> Tensor:
        """X or slope * x."""
        return torch.where(xs[0] >= 0, xs[0], xs[0] * self.slope.reshape(-1, 1, 1))

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
        """The slopes on their grid."""
        return QuantSlope(self)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """With the slopes on their grid."""
        return replace(self, slope=part()).value(sources[0].value)

    def fine_tuned(self, part: Any) -> Self:
        """With the slopes of its module."""
        return replace(self, slope=part.slope.detach())

    @property
    def real_numbers(self) -> NDArray[np.float64]:
        """Its slopes."""
        return self.slope.detach().cpu().numpy().astype(np.float64)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """One slope for each channel."""
        return lower_prelu(part, self.name, self.sources[0], channels[self.name], formats[self.name])

    def extreme(
        self, formats: Mapping[str, Format], channels: Mapping[str, int], widths: Widths | None, end: int
    ) -> fixed_point.Layer:
        """The slope itself if it is a constant, else any on the same grid."""
        codes, frac = dyadic_slopes(self.slope)
        slope = np.broadcast_to(codes.numpy().astype(np.int8), channels[self.name])
        if self.trained:
            slope = np.full(channels[self.name], end * weight_limit(SLOPE_BITS), np.int8)
        return fixed_point.PRelu(self.name, self.sources[0], slope, frac, formats[self.name])


class QuantSlope(nn.Module):
    """The slopes of a leaky ReLU, on a dyadic grid that stays as their starting values ask for.

    Args:
        node: Their starting values, and whether they are trained.
    """

    lsb: Tensor

    def __init__(self, node: PRelu) -> None:
        super().__init__()
        codes, frac = dyadic_slopes(node.slope)
        self.slope = nn.Parameter(node.slope.clone(), requires_grad=node.trained)
        self.register_buffer("lsb", torch.tensor(math.ldexp(1.0, -frac), dtype=codes.dtype))
        self._round = StraightThrough(Rounding.HALF_EVEN)

    def forward(self) -> Tensor:
        """Values on the grid, of the shape of the parameter."""
        return self.codes() * self.lsb

    def codes(self) -> Tensor:
        """Their codes; those that leave the range end at its limits."""
        largest = weight_limit(SLOPE_BITS)
        rounded: Tensor = self._round(self.slope / self.lsb)
        return rounded.clamp(-largest, largest)


@torch.no_grad()
def lower_prelu(module: Any, name: str, source: str, channels: int, out: Format) -> fixed_point.PRelu:
    """The integers that a :class:`QuantSlope` computes with, one slope for each channel.

    Args:
        module: QuantSlope with one slope or one per channel.
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
        channels: Channels of that tensor.
        out: Format of the result.

    Raises:
        HwrtsError: A slope that is not finite.
    """
    check_finite(name, "slope", module.slope)
    slopes = module.codes().cpu().numpy().astype(np.int8)
    if len(slopes) == 1:
        slopes = slopes.repeat(channels)
    return fixed_point.PRelu(name, source, slopes, -int(log2_of(module.lsb, name)), out)
