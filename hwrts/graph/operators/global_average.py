"""Mean of each channel over the whole picture."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import WHOLE, Format, Rounding, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.rounding import divided

MEANS: tuple[Any, ...] = (torch.mean, "mean")
"""Functions that may be means over the picture, or over channels (``ChannelMean``)."""

_ROWS_AND_COLUMNS = {2, 3}
_DIMENSIONS = 4


@dataclass(frozen=True)
class GlobalAverage(Operator):
    """Mean over rows and columns: a tensor of one pixel."""

    MODULES = (nn.AdaptiveAvgPool2d,)
    FUNCTIONS = (F.adaptive_avg_pool2d, *MEANS)
    SPELLED = "AdaptiveAvgPool2d(1), mean((2, 3), keepdim=True)"
    PARTS = "means"

    sources: tuple[str]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """An adaptive pooling to one pixel, or a mean over rows and columns that keeps the dimensions."""
        if call.function in MEANS:
            dims = mean_dims(call)
            return cls(call.name, call.sources()) if dims == _ROWS_AND_COLUMNS else None
        size = call.module.output_size if call.module is not None else call.argument(1, "output_size")
        if size not in (1, (1, 1), [1, 1]):
            raise call.refused(f"pools to {size}; to 1 pixel is supported, a mean over the whole picture")
        return cls(call.name, call.sources())

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 1, 1)."""
        return xs[0].mean((2, 3), keepdim=True)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    @property
    def window(self) -> Window:
        """All of the picture."""
        return WHOLE

    def part(self, formats: Mapping[str, Format], weight_bits: int | None, rounding: Rounding) -> nn.Module:
        """What computes it exactly; it holds nothing that is trained or stored."""
        return QuantMean(formats[self.sources[0]], formats[self.name], rounding)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """On the grid of the result already, so that its own quantiser has nothing left to round."""
        made: Tensor = part(sources[0].value)
        return made

    def fine_tuned(self, part: Any) -> Self:
        """Itself: nothing in it is trained."""
        return self

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same mean."""
        return fixed_point.GlobalAverage(self.name, self.sources[0], formats[self.name])


def mean_dims(call: Call) -> set[int]:
    """The dimensions that a mean goes over, counted from the front.

    Raises:
        UnsupportedOperatorError: Some that are no dimensions of pictures, or that are not kept.
    """
    call.only("dim", "axis", "keepdim", "dtype")
    given = call.argument(1, "dim", call.node.kwargs.get("axis"))
    dims = given if isinstance(given, list | tuple) else [given]
    found = {each % _DIMENSIONS if isinstance(each, int) else each for each in dims}
    if found not in (_ROWS_AND_COLUMNS, {1}):
        raise call.refused(f"over dimension {given}; supported are (2, 3), the picture, and 1, the channels")
    if not call.argument(2, "keepdim", False) or call.node.kwargs.get("dtype") is not None:
        raise call.refused("does not keep its dimensions; use keepdim=True, and no dtype")
    return found


class QuantMean(nn.Module):
    """The mean of values on a grid, rounded once onto another (eq. 36): in whole numbers, as float32 is not.

    Args:
        source: Format of what is averaged.
        out: Format of the result.
        rounding: The tie rule of the network.
    """

    def __init__(self, source: Format, out: Format, rounding: Rounding) -> None:
        super().__init__()
        self.source, self.out, self.rounding = source, out, rounding

    def forward(self, x: Tensor) -> Tensor:
        """Values (N, C, 1, 1) of values (N, C, H, W); backward the slope of a mean."""
        mean = x.mean((2, 3), keepdim=True)
        return mean + (self.rounded(x.detach()) - mean).detach()

    def rounded(self, x: Tensor) -> Tensor:
        """The definition's values."""
        finer = self.out.frac - self.source.frac
        codes = (x * math.ldexp(1.0, self.source.frac)).round().long()
        total = codes.sum((2, 3), keepdim=True) << max(finer, 0)
        found = divided(total, x.shape[2] * x.shape[3] << max(-finer, 0), self.rounding)
        return found.clamp(self.out.min, self.out.max).to(x.dtype) * math.ldexp(1.0, -self.out.frac)
