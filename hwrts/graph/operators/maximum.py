"""The largest value over channels, or over the whole picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.fixed_point import POINT, Along, Format, Over, Window
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.global_average import DIMENSIONS, EXTENTS, Extent, pooled_extent
from hwrts.graph.operators.operator import Operator

_DIMENSIONS: dict[frozenset[int], Literal["channels", Extent]] = {frozenset({1}): "channels", **EXTENTS}


@dataclass(frozen=True)
class Maximum(Operator):
    """The largest value; codes are chosen, none is computed.

    Attributes:
        over: The channels of a pixel, or the pixels of a channel: all, of each row, of each column.
    """

    MODULES = (nn.AdaptiveMaxPool2d,)
    FUNCTIONS = (F.adaptive_max_pool2d, torch.amax, "amax")
    SPELLED = "max over channels, AdaptiveMaxPool2d(1)"
    MOVES = True

    sources: tuple[str]
    over: Literal["channels", "picture", "rows", "columns"]

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A pooling to one pixel, or a maximum over one of the two that keeps the dimensions."""
        if call.module is not None or call.function is F.adaptive_max_pool2d:
            return cls(call.name, call.sources(), pooled_extent(call, "a maximum"))
        given = call.argument(1, "dim")
        dims = given if isinstance(given, list | tuple) else [given]
        over = _DIMENSIONS.get(frozenset(each % 4 if isinstance(each, int) else -1 for each in dims))
        if over is None or not call.argument(2, "keepdim", False):
            raise call.refused(
                f"over dimension {given}; 1, the channels, (2, 3), the picture, 3 and 2, rows and columns, "
                "are supported, with keepdim=True"
            )
        return cls(call.name, call.sources(), over)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 1, H, W) or (N, C, 1, 1)."""
        dims = (1,) if self.over == "channels" else DIMENSIONS[self.over]
        made = xs[0].amax(dims, keepdim=True)
        return made.expand_as(xs[0]) if self.over in ("rows", "columns") else made

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def lowest(self, *sources: float) -> float:
        """As its source."""
        return sources[0]

    def channels(self, *sources: Fraction) -> Fraction:
        """One, or as its source."""
        return Fraction(1) if self.over == "channels" else sources[0]

    @property
    def window(self) -> Window:
        """A pixel, or all of the picture."""
        return POINT if self.over == "channels" else Along(self.over).window

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same maximum."""
        return fixed_point.Maximum(self.name, self.sources[0], Over(self.over))
