"""Tensors of any shape whose dimensions are either channels or pixels of one tensor of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

# Letters of the shape comments: C channels, H rows, W columns of the source; an index holds, for each value
# of a tensor, its number in the source (1, C, H, W).


@dataclass(frozen=True, eq=False)
class Planes:
    """Which channel and which pixel of its source each value of a tensor is.

    Attributes:
        shape: Of the tensor.
        channels: Number of the channel of each value; of size 1 along dimensions where it is the same.
        pixels: Number of the pixel, 0..H*W-1, likewise. No dimension has both.
        area: H*W.
    """

    shape: torch.Size
    channels: Tensor
    pixels: Tensor
    area: int

    @classmethod
    def of(cls, index: Tensor, shape: Sequence[int]) -> Self | None:
        """Those of an index; None where a dimension is of channels and pixels at once, or zeros are in it.

        Args:
            index: Of any shape.
            shape: (1, C, H, W).

        >>> x = torch.arange(12).reshape(1, 2, 2, 3).permute(0, 2, 3, 1)
        >>> planes = Planes.of(x, (1, 2, 2, 3))
        >>> planes.channels.tolist(), list(planes.pixels.shape)
        ([[[[0, 1]]]], [1, 2, 3, 1])
        >>> Planes.of(x.flatten(), (1, 2, 2, 3)) is None
        True
        """
        area = shape[2] * shape[3]
        if not index.numel() or bool((index < 0).any()):
            return None
        channels, pixels = _least(index // area), _least(index % area)
        if any(a > 1 and b > 1 for a, b in zip(channels.shape, pixels.shape, strict=True)):
            return None
        return cls(index.shape, channels, pixels, area)

    def natural(self) -> bool:
        """Whether the last two dimensions are the rows and columns of the source."""
        size = self.shape[-2:].numel() if len(self.shape) > 2 else 0
        there = size == self.area == self.pixels.numel() and self.pixels.shape[-2:] == self.shape[-2:]
        return there and torch.equal(self.pixels.flatten(), torch.arange(self.area))

    def aligned(self, rank: int) -> "Planes":
        """The same values with dimensions of size 1 in front, as operands of other ranks meet."""
        ones = (1,) * (rank - len(self.shape))
        channels = self.channels.reshape(*ones, *self.channels.shape)
        pixels = self.pixels.reshape(*ones, *self.pixels.shape)
        return Planes(torch.Size((*ones, *self.shape)), channels, pixels, self.area)

    def index(self) -> Tensor:
        """The index that they are of."""
        return (self.channels * self.area + self.pixels).expand(self.shape)


def _least(numbers: Tensor) -> Tensor:
    """Of size 1 along each dimension where all is the same."""
    for dim, size in enumerate(numbers.shape):
        first = numbers.narrow(dim, 0, 1)
        if size > 1 and bool((numbers == first).all()):
            numbers = first
    return numbers


def distinct(numbers: Tensor) -> Tensor:
    """Each of the numbers once, in order."""
    found: Tensor = numbers.unique()  # type: ignore[no-untyped-call]
    return found


def met(*shapes: Sequence[int]) -> torch.Size:
    """The shape in which tensors of others meet."""
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


__all__ = ["Planes", "distinct", "met"]
