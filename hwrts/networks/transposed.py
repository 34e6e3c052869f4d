"""A transposed convolution of stride S as a convolution whose channels become pixels (arithmetic.md, eq. 39).

Pixel S*g + r of the result gets tap r + P - S*j of source pixel g + j, for all j for which there is such a
tap. So each of the S phases r is a convolution of its own, and all phases of rows and columns together
make the channels of a block of S x S pixels. Phases differ in which j they have: a kernel that holds
all of them has taps that are 0 in some.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

_Stride = Annotated[int, Field(ge=1, le=16)]
_Size = Annotated[int, Field(ge=1, le=255)]
_Pad = Annotated[int, Field(ge=0, le=254)]

Transposed = Annotated[tuple[_Stride, _Size, _Size, _Pad, _Pad], Field(strict=False)]  # JSON has lists
"""Stride, rows and columns of the kernel, its padding of rows and of columns."""

# Letters of the shape comments: S stride, K kernel size, T taps of a phase, O and I channels.


def phases(stride: int, kernel: int, padding: int) -> tuple[int, Tensor]:
    """Where each phase of rows, or of columns, finds its taps.

    Returns:
        The first source pixel that any phase reads, relative to its own; the tap (S, T) of each phase and
        source pixel, K where there is none.

    >>> first, taps = phases(2, 4, 1)  # of a kernel of 4 each phase has 2
    >>> first, taps.tolist()
    (-1, [[3, 1, 4], [4, 2, 0]])
    """
    first = -((kernel - 1 - padding) // stride)
    last = (stride - 1 + padding) // stride
    row = torch.arange(stride)[:, None] + padding  # (S, 1)
    taps = row - stride * torch.arange(first, last + 1)  # (S, T)
    return first, torch.where((taps >= 0) & (taps < kernel), taps, kernel)


def as_convolution(weight: Tensor, groups: int, shape: Transposed) -> Tensor:
    """The kernels (O*S*S, I/groups, TH, TW) of the convolution; its pixel order is that of PixelShuffle.

    Args:
        weight: Of the transposed convolution, (I, O/groups, KH, KW).
        groups: Of both.
        shape: Of the transposed convolution.
    """
    stride, rows, columns, top, left = shape
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    kernels = weight.reshape(groups, inputs, outputs, rows, columns).transpose(1, 2)
    kernels = kernels.reshape(groups * outputs, inputs, rows, columns)  # (O, I/groups, KH, KW)
    kernels = torch.nn.functional.pad(kernels, (0, 1, 0, 1))  # a tap that is not there is 0
    _, down = phases(stride, rows, top)  # (S, TH)
    _, across = phases(stride, columns, left)  # (S, TW)
    spread = kernels[:, :, down][..., across]  # (O, I/groups, S, TH, S, TW)
    spread = spread.permute(0, 2, 4, 1, 3, 5)  # (O, S, S, I/groups, TH, TW)
    return spread.reshape(-1, inputs, down.shape[1], across.shape[1])


def taps_of(shape: Transposed, channels: int) -> Tensor:
    """Which taps there are of those kernels, (channels, 1, TH, TW), with channels = O*S*S."""
    stride, rows, columns, _, _ = shape
    there = as_convolution(torch.ones(1, 1, rows, columns), 1, shape) != 0  # (S*S, 1, TH, TW)
    return there.repeat(channels // stride**2, 1, 1, 1)
