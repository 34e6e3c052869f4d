"""Rows and columns cut off: a convolution of each channel by itself, without padding, of a single tap."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch.nn.functional as F
from torch import Tensor

from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import Sides, unless_centred
from hwrts.graph.operators.shift import Shift

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

_MOST = 32
"""Most rows or columns that are cut off a side: ONNX has a kernel of as many and one, on both sides."""


@dataclass(frozen=True)
class Crop(Composed):
    """A picture without some rows and columns at its edges.

    Attributes:
        sides: How many are cut off on top, left, at the bottom, right.
    """

    FUNCTIONS: ClassVar[tuple[Any, ...]] = (F.pad,)
    SPELLED = "crops of up to 32 pixels a side"

    sources: tuple[str]
    sides: Sides

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """A padding of negative numbers, as which crops in other words are written."""
        given = call.argument(1, "pad")
        numbers = list(given) if isinstance(given, list | tuple) else []
        whole = all(isinstance(each, int) and not isinstance(each, bool) for each in numbers)
        if not whole or not numbers or max(numbers) > 0 or min(numbers) == 0 or any(numbers[4:]):
            return None
        if call.argument(2, "mode", "constant") != "constant" or call.pad is not None:
            return None
        left, right, top, bottom = (-each for each in [*numbers, 0, 0, 0, 0][:4])
        if max(left, right, top, bottom) > _MOST:
            raise call.refused(
                f"cuts off {top} rows on top, {bottom} at the bottom, {left} columns left and {right} right; "
                f"up to {_MOST} a side are supported, whatever the size of the picture"
            )
        return cls(call.name, call.sources(), (top, left, bottom, right))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        top, left, bottom, right = self.sides
        return xs[0][:, :, top : xs[0].shape[2] - bottom, left : xs[0].shape[3] - right]

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    def joined(self, front: "Node") -> "Node | None":
        """A convolution of less padding, if that alone has made what is cut off.

        A row less of padding at the top is a row less of the result at the top, whatever the padding is.
        """
        if not isinstance(front, Conv) or front.stride != 1 or front.transposed:
            return None
        top, left, bottom, right = (have - less for have, less in zip(front.sides, self.sides, strict=True))
        if min(top, left, bottom, right) < 0:
            return None
        return replace(front, pads=unless_centred((top, left, bottom, right), front.weight, front.dilation))

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels, whose other taps are not there."""
        top, left, bottom, right = self.sides
        kernel = (top + bottom + 1, left + right + 1)
        return Shift(self.name, self.sources, ((top, left),) * channels, kernel, (0, 0, 0, 0)).written(
            channels, new
        )
