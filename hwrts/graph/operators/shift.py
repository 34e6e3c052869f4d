"""Channels moved by rows and columns, each by its own: a convolution of one tap of each channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.files.read import Text
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.composed import Composed
from hwrts.graph.operators.conv import Conv
from hwrts.graph.operators.conv_facts import Sides, unless_centred

if TYPE_CHECKING:
    from hwrts.graph.operators import Node

_AT_ONCE = 81
"""Largest kernel, in taps, that moves rows and columns at once: ONNX Runtime computes with all of them."""


def shift(
    x: Tensor, taps: Sequence[tuple[int, int]], kernel: tuple[int, int], pads: Sides, edges: str
) -> Tensor:
    """Of each channel of ``x`` (N, C, H, W), with pixels around it, the rows and columns from its tap on.

    Args:
        x: The picture.
        taps: Row and column, of the picture with all that is around it, of each channel's first pixel.
        kernel: How many rows and columns less one the result has than that picture.
        pads: Pixels that are put around it on top, left, at the bottom, right.
        edges: What they are: "zero", or as torch calls it "replicate" or "reflect".

    >>> shift(torch.arange(4.0).reshape(1, 1, 2, 2), [(0, 1)], (1, 2), (0, 0, 0, 1), "zero").tolist()
    [[[[1.0, 0.0], [3.0, 0.0]]]]
    """
    top, left, bottom, right = pads
    around = F.pad(x, (left, right, top, bottom), "constant" if edges == "zero" else edges)
    rows, columns = around.shape[2] - kernel[0] + 1, around.shape[3] - kernel[1] + 1
    found = [
        around[:, c, row : row + rows, column : column + columns] for c, (row, column) in enumerate(taps)
    ]
    return torch.stack(found, 1)


@dataclass(frozen=True)
class Shift(Composed):
    """A picture of which each channel is moved, with zeros or what the edge says where nothing was.

    Its spellings, such as slices that are written into zeros, are read by where values go
    (``hwrts.graph.laid``).

    Attributes:
        taps: As of :func:`shift`, and so are the next three.
        kernel: Rows and columns.
        pads: On top, left, at the bottom, right.
        edges: What is around the picture.
    """

    FUNCTIONS: ClassVar[tuple[Any, ...]] = (shift,)
    SPELLED = "shifts of channels by pixels"

    sources: tuple[str]
    taps: tuple[tuple[int, int], ...]
    kernel: tuple[int, int]
    pads: Sides
    edges: Text = "zero"

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """As rearrangements are rewritten."""
        given: Any = call.node.args[1:]
        taps, kernel, pads, edges = given
        return cls(call.name, call.sources(), tuple(map(tuple, taps)), tuple(kernel), tuple(pads), str(edges))

    def value(self, *xs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W')."""
        return shift(xs[0], self.taps, self.kernel, self.pads, self.edges)

    def non_negative(self, sources: bool) -> bool:
        """As its source."""
        return sources

    @property
    def reads(self) -> int | None:
        """As many channels as it has taps."""
        return len(self.taps)

    def written(self, channels: int, new: Callable[[str], str]) -> "tuple[Node, ...]":
        """A convolution in as many groups as channels, whose other taps are not there; large ones in two."""
        (rows, columns), (top, left, bottom, right) = self.kernel, self.pads
        if rows == 1 or columns == 1 or rows * columns <= _AT_ONCE:
            return (self._conv(self.name, self.sources, self.kernel, self.pads, self.taps),)
        name = new(f"{self.name}_rows")
        down = tuple((row, 0) for row, _ in self.taps)
        across = tuple((0, column) for _, column in self.taps)
        return (
            self._conv(name, self.sources, (rows, 1), (top, 0, bottom, 0), down),
            self._conv(self.name, (name,), (1, columns), (0, left, 0, right), across),
        )

    def _conv(
        self,
        name: str,
        sources: tuple[str],
        kernel: tuple[int, int],
        pads: Sides,
        taps: Sequence[tuple[int, int]],
    ) -> Conv:
        channels = len(taps)
        weight = torch.zeros(channels, 1, *kernel)
        for channel, (row, column) in enumerate(taps):
            weight[channel, 0, row, column] = 1
        return Conv(
            name,
            sources,
            weight,
            torch.zeros(channels),
            replicate=self.edges == "replicate" and any(pads),
            reflect=self.edges == "reflect" and any(pads),
            groups=channels,
            pads=unless_centred(pads, weight, 1),
            frozen=True,
            sparse=True,
        )
