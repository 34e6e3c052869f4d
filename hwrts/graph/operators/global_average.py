"""Mean of each channel over the whole picture."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import Along, Format, Rounding, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.rounding import divided
from hwrts.graph.widths import Widths

MEANS: tuple[Any, ...] = (torch.mean, "mean")
"""Functions that may be means over the picture, or over channels (``ChannelMean``)."""

Extent = Literal["picture", "rows", "columns"]
DIMENSIONS: dict[Extent, tuple[int, ...]] = {"picture": (2, 3), "rows": (3,), "columns": (2,)}
"""Of (N, C, H, W); a row has a pixel in each column."""
EXTENTS: dict[frozenset[int], Extent] = {frozenset(dims): extent for extent, dims in DIMENSIONS.items()}
_DIMENSIONS = 4


@dataclass(frozen=True)
class GlobalAverage(Operator):
    """Mean over rows and columns: a tensor of one pixel; or along one of them, given to all its pixels.

    Attributes:
        along: What it goes over.
    """

    MODULES = (nn.AdaptiveAvgPool2d,)
    FUNCTIONS = (F.adaptive_avg_pool2d, *MEANS)
    SPELLED = "AdaptiveAvgPool2d(1), mean((2, 3), keepdim=True), along rows or columns too"
    PARTS = "means"

    sources: tuple[str]
    along: Extent = field(default="picture", metadata={"later": True})

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """An adaptive pooling to one pixel or line, or a mean that keeps the dimensions."""
        if call.function in MEANS:
            extent = EXTENTS.get(frozenset(mean_dims(call)))
            return None if extent is None else cls(call.name, call.sources(), extent)
        return cls(call.name, call.sources(), pooled_extent(call, "a mean"))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 1, 1), or to the same size."""
        wide = xs[0].double().mean(DIMENSIONS[self.along], keepdim=True)  # of a flat picture it is its value
        made = wide.to(xs[0].dtype)
        return made if self.along == "picture" else made.expand_as(xs[0])

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    @property
    def window(self) -> Window:
        """All of the picture."""
        return Along(self.along).window

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
        """What computes it exactly; it holds nothing that is trained or stored."""
        return QuantMean(formats[self.sources[0]], formats[self.name], rounding, self.along)

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
        return fixed_point.GlobalAverage(self.name, self.sources[0], formats[self.name], Along(self.along))


def pooled_extent(call: Call, what: str) -> Extent:
    """What an adaptive pooling goes over: all to one pixel, or to one column or row.

    Args:
        call: Of the module or function.
        what: It makes, for a message.

    Raises:
        UnsupportedOperatorError: Another size.
    """
    size = call.module.output_size if call.module is not None else call.argument(1, "output_size")
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    source = call.example(call.node.args[0])
    whole = (None, None) if source is None else tuple(source.shape[2:])
    match [side == 1 for side in sides], [sides[i] in (None, whole[i]) for i in range(len(sides[:2]))]:
        case [True, True], _:
            return "picture"
        case [False, True], [True, _]:
            return "rows"
        case [True, False], [_, True]:
            return "columns"
    raise call.refused(
        f"pools to {size}; to 1 pixel is supported, {what} over the whole picture, and to (None, 1) and "
        "(1, None), of rows and of columns"
    )


def mean_dims(call: Call) -> set[int]:
    """The dimensions that a mean goes over, counted from the front.

    Raises:
        UnsupportedOperatorError: Some that are no dimensions of pictures, or that are not kept.
    """
    call.only("dim", "axis", "keepdim", "dtype")
    given = call.argument(1, "dim", call.node.kwargs.get("axis"))
    dims = given if isinstance(given, list | tuple) else [given]
    found = {each % _DIMENSIONS if isinstance(each, int) else each for each in dims}
    if frozenset(found) not in (*EXTENTS, {1}):
        raise call.refused(
            f"over dimension {given}; supported are (2, 3), the picture, 3 and 2, rows and columns, and 1, "
            "the channels"
        )
    if not call.argument(2, "keepdim", False) or call.node.kwargs.get("dtype") is not None:
        raise call.refused("does not keep its dimensions; use keepdim=True, and no dtype")
    return found


class QuantMean(nn.Module):
    """The mean of values on a grid, rounded once onto another (eq. 36): in whole numbers, as float32 is not.

    Args:
        source: Format of what is averaged.
        out: Format of the result.
        rounding: The tie rule of the network.
        along: What it goes over.
    """

    def __init__(self, source: Format, out: Format, rounding: Rounding, along: Extent = "picture") -> None:
        super().__init__()
        self.source, self.out, self.rounding, self.along = source, out, rounding, along

    def forward(self, x: Tensor) -> Tensor:
        """Values (N, C, 1, 1) of values (N, C, H, W), or as many; backward the slope of a mean."""
        mean = x.mean(DIMENSIONS[self.along], keepdim=True)
        made = mean + (self.rounded(x.detach()) - mean).detach()
        return made if self.along == "picture" else made.expand_as(x)

    def rounded(self, x: Tensor) -> Tensor:
        """The definition's values."""
        finer = self.out.frac - self.source.frac
        codes = (x * math.ldexp(1.0, self.source.frac)).round().long()
        dims = DIMENSIONS[self.along]
        total = codes.sum(dims, keepdim=True) << max(finer, 0)
        count = math.prod(x.shape[dim] for dim in dims)
        found = divided(total, count << max(-finer, 0), self.rounding)
        return found.clamp(self.out.min, self.out.max).to(x.dtype) * math.ldexp(1.0, -self.out.frac)
