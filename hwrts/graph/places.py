"""Where values are after a rearrangement, and the calls that put them there."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.graph.operators.reorder import reorder

# Letters of the shape comments: C channels, H rows, W columns of the source; an index holds, for each value
# of the result, its number in the source (1, C, H, W).


def over_channels(index: Tensor, shape: Sequence[int]) -> Tensor | None:
    """The pixels of a tensor whose last dimension is all channels of one pixel.

    Args:
        index: (..., C).
        shape: (1, C, H, W).

    Returns:
        (...): number of the pixel, 0..H*W-1; None if the last dimension is something else.

    >>> over_channels(torch.arange(6).reshape(1, 2, 1, 3).permute(0, 2, 3, 1), (1, 2, 1, 3)).tolist()
    [[[0, 1, 2]]]
    """
    channels, area = shape[1], shape[2] * shape[3]
    if index.dim() < 2 or index.shape[-1] != channels:
        return None
    pixels = index[..., 0]
    right = torch.equal(index, pixels[..., None] + torch.arange(channels) * area) and int(pixels.max()) < area
    return pixels if right else None


def landed(index: Tensor, shape: Sequence[int]) -> tuple[tuple[Any, ...], ...] | None:
    """The calls that make a tensor of pictures of another one by moving its values.

    Args:
        index: (1, C', H', W').
        shape: (1, C, H, W).

    Returns:
        Functions, and what they are given behind the tensor, one after another; None if there are none.

    >>> landed(torch.arange(8).reshape(1, 2, 2, 2), (1, 2, 2, 2))
    ()
    >>> [name.__name__ for name, *_ in landed(torch.arange(8).reshape(1, 2, 2, 2).flip(1), (1, 2, 2, 2))]
    ['reorder']
    """
    if index.dim() != 4 or len(index) != 1:
        return None
    if tuple(index.shape) == tuple(shape) and torch.equal(index.flatten(), torch.arange(index.numel())):
        return ()
    if shape[2] == shape[3] == 1 and torch.equal(index, index[:, :, :1, :1].expand(index.shape)):
        return _order(
            index[0, :, 0, 0], shape[1]
        )  # a number for each channel, which readers spread themselves
    height, width = index.shape[2:]
    if (height, width) == tuple(shape[2:]):
        return _of_channels(index, shape)
    found = None
    if height % shape[2] == 0 and width * shape[2] == height * shape[3]:
        found = _larger(index, shape, height // shape[2])
    elif shape[2] % height == 0 and width * shape[2] == height * shape[3]:
        found = _smaller(index, shape, shape[2] // height)
    return _cropped(index, shape) if found is None else found


def _cropped(index: Tensor, shape: Sequence[int]) -> tuple[tuple[Any, ...], ...] | None:
    """Rows and columns cut off, of whole channels in any order."""
    height, width = index.shape[2:]
    area = shape[2] * shape[3]
    top, left = divmod(int(index[0, 0, 0, 0]) % area, shape[3])
    bottom, right = shape[2] - top - height, shape[3] - left - width
    if min(bottom, right) < 0:
        return None
    channels = index[0, :, 0, 0] // area
    whole = torch.arange(shape[1] * area).reshape(tuple(shape))
    if not torch.equal(index, whole[:, channels, top : top + height, left : left + width]):
        return None
    return (*_order(channels, shape[1]), (F.pad, [-left, -right, -top, -bottom]))


def _of_channels(index: Tensor, shape: Sequence[int]) -> tuple[tuple[Any, ...], ...] | None:
    """Whole channels in another order, some of them perhaps not or more than once."""
    area = shape[2] * shape[3]
    channels = index[0, :, 0, 0] // area
    right = torch.arange(area).reshape(1, *shape[2:]) + channels[:, None, None] * area
    return _order(channels, shape[1]) if torch.equal(index[0], right) else None


def _larger(index: Tensor, shape: Sequence[int], factor: int) -> tuple[tuple[Any, ...], ...] | None:
    """Each pixel repeated, or channels that become pixels."""
    whole = torch.arange(shape[1] * shape[2] * shape[3]).reshape(tuple(shape))
    repeated = whole.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    if torch.equal(index, repeated):
        return ((F.interpolate, None, factor),)
    apart = F.pixel_unshuffle(index.double(), factor).long()  # as channels that PixelShuffle would take
    order = _of_channels(apart, shape)
    return None if order is None else (*order, (F.pixel_shuffle, factor))


def _smaller(index: Tensor, shape: Sequence[int], factor: int) -> tuple[tuple[Any, ...], ...] | None:
    """Pixels that become channels."""
    whole = torch.arange(shape[1] * shape[2] * shape[3]).reshape(tuple(shape))
    apart = F.pixel_unshuffle(whole.double(), factor).long()
    number = torch.empty(apart.numel(), dtype=torch.long)
    number[apart.flatten()] = torch.arange(apart.numel())  # where PixelUnshuffle puts each value
    order = _of_channels(number[index], apart.shape)
    return None if order is None else ((F.pixel_unshuffle, factor), *order)


def _order(channels: Tensor, count: int) -> tuple[tuple[Any, ...], ...]:
    """Channels of a tensor of ``count`` of them, in an order."""
    given = channels.tolist()
    if given == list(range(count)):
        return ()
    return ((reorder, given),)
