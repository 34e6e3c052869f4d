"""Resizing by any factor, or to the size of another tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from hwrts import fixed_point
from hwrts.files.read import Text
from hwrts.fixed_point import Format, Places, Window
from hwrts.fixed_point.operators.operator import MAX_ENLARGEMENT
from hwrts.fixed_point.operators.resize import FRACTION, resize_taps
from hwrts.graph import interpolation
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator

_Factor = Annotated[int, Field(ge=2, le=MAX_ENLARGEMENT)]
_MODES: dict[Places, tuple[str, bool | None]] = {
    Places.CENTRES: ("bilinear", False),
    Places.CORNERS: ("bilinear", True),
    Places.NEAREST: ("nearest", None),
}
"""Torch's mode and align_corners."""


def resized(x: Tensor, like: Tensor, places: str) -> Tensor:
    """The tensor (N, C, H, W) with the height and width of another, as torch resizes.

    >>> resized(torch.tensor([[[[0.0, 4.0]]]]), torch.zeros(1, 1, 1, 3), "corners").tolist()
    [[[[0.0, 2.0, 4.0]]]]
    """
    return _resized(x, like.shape[2:], Places(places))


def _resized(x: Tensor, size: Any, places: Places) -> Tensor:
    mode, corners = _MODES[places]
    made: Tensor = F.interpolate(x, size=tuple(size), mode=mode, align_corners=corners)
    return made


@dataclass(frozen=True)
class Resize(Operator):
    """Bilinear or nearest resizing, by taps that follow from the size of the picture.

    Attributes:
        sources: What is resized; and, if there is no factor, what has the size of the result.
        places: One of ``hwrts.fixed_point.Places``, by its value.
        factor: By which height and width grow; None with a second source.
    """

    MODULES = interpolation.MODULES
    FUNCTIONS = (resized, *interpolation.FUNCTIONS)
    SPELLED = "bilinear and nearest resizing to the size of another tensor, bilinear with align_corners=True"
    KEEPS_PICTURES = True

    sources: tuple[str, ...]
    places: Text
    factor: _Factor | None = field(default=None, metadata={"later": True})

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """What ``hwrts.graph.resizing`` makes of a call to a size; corners on corners by a whole factor."""
        if call.function is resized:
            return cls(call.name, call.sources(2), str(call.argument(2, "places")))
        factor = _corner_factor(call)
        return None if factor is None else cls(call.name, call.sources(), Places.CORNERS.value, factor)

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        return _resized(xs[0], self._size(*xs), Places(self.places))

    def _size(self, *xs: Tensor) -> tuple[int, ...]:
        times = 1 if self.factor is None else self.factor
        return tuple(side * times for side in xs[-1].shape[2:])

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """By taps of 7 bits (eq. 42)."""
        x = sources[0].value
        for axis, made in enumerate(self._size(*(source.value for source in sources)), 2):
            x = self._along(x, axis, made)
        return x  # type: ignore[no-any-return]

    def _along(self, x: Tensor, axis: int, made: int) -> Tensor:
        """Rows (axis 2) or columns (3) of a tensor as sums of two of them each."""
        size, place = x.shape[axis], Places(self.places)
        first, weight = (torch.from_numpy(each).to(x.device) for each in resize_taps(size, made, place))
        shape = [-1] + [1] * (x.dim() - 1 - axis)
        share = (weight.to(x.dtype) / (1 << FRACTION)).reshape(shape)
        second = (first + 1).clamp(max=size - 1)
        return x.index_select(axis, first) * (1 - share) + x.index_select(axis, second) * share

    def non_negative(self, sources: bool) -> bool:
        """As its sources: no tap is negative."""
        return sources

    def lowest(self, *sources: float) -> float:
        """As what is resized."""
        return sources[0]

    @property
    def window(self) -> Window:
        """Any row."""
        return Window(any_row=True, like=1) if self.factor is None else Window(any_row=True, grow=self.factor)

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """By the same taps."""
        return fixed_point.Resize(
            self.name, self.sources, formats[self.name], Places(self.places), self.factor
        )


def _corner_factor(call: Call) -> int | None:
    """The factor of a bilinear up-sampling with align_corners=True; None for anything else."""
    names = ("size", "scale_factor", "mode", "align_corners")
    if call.module is not None:
        given = {name: getattr(call.module, name, None) for name in names}
    else:
        given = dict(zip(names, call.node.args[1:], strict=False)) | call.node.kwargs
    factors = given.get("scale_factor")
    sides = set(factors) if isinstance(factors, tuple | list) else {factors}
    if not given.get("align_corners") or given.get("mode") != "bilinear" or len(sides) != 1:
        return None
    (factor,) = sides
    if not isinstance(factor, int | float) or given.get("size") is not None:
        return None
    return int(factor) if factor in range(2, MAX_ENLARGEMENT + 1) else None
