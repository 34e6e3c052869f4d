"""Tensors put together of others by the number of each value: what writing into a tensor comes down to."""

from typing import Any

import torch
from torch import Tensor


def taken(x: Tensor, index: Tensor) -> Tensor:
    """The values of ``x`` with these numbers, in the shape of ``index``.

    >>> taken(torch.tensor([[5.0, 6.0], [7.0, 8.0]]), torch.tensor([3, 0])).tolist()
    [8.0, 5.0]
    """
    return x.flatten()[index]


def assembled(x: Any, y: Any, index: Tensor) -> Tensor:
    """Values of two tensors in the shape of ``index``: n is the n-th of ``x``, -1 - n the n-th of ``y``.

    Args:
        x: A tensor of any shape, or a number.
        y: As ``x``.
        index: Numbers of values.

    >>> assembled(torch.tensor([5.0, 6.0]), torch.tensor([7.0, 8.0]), torch.tensor([0, -1, -2])).tolist()
    [5.0, 7.0, 8.0]
    """
    old, new = (torch.as_tensor(each).flatten() for each in (x, y))
    return torch.cat([new.flip(0), old])[index + len(new)]
