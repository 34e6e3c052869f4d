"""A picture moved by some pixels: padded on one side, and cut off on the other."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE

_MOST = 16
"""Most rows or columns that are put around it: ONNX has a kernel of as many and one."""


def shifted(target: Any, args: Any, kwargs: Any) -> Any:
    """Part of a padded tensor, as large as that was before: one tap of each channel of a convolution.

    Returns:
        What stands for it; None if it is none, or nobody knows its size.
    """
    padded = args[0] if target is operator.getitem and len(args) == 2 and not kwargs else None
    if not isinstance(padded, fx.Proxy) or padded.node.target is not F.pad:
        return None
    front: Any = padded.node.args[0] if padded.node.args else None
    value, before = padded.node.meta.get(VALUE), front.meta.get(VALUE) if front is not None else None
    if not isinstance(value, Tensor) or not isinstance(before, Tensor) or value.dim() != 4:
        return None
    channels, height, width = before.shape[1:]
    numbers = torch.arange(value[0].numel()).reshape(1, *value.shape[1:])
    try:
        taken = numbers[args[1]]
    except (IndexError, TypeError, ValueError):  # its reader says what is wrong
        return None
    if tuple(taken.shape) != (1, channels, height, width) or value.shape[1] != channels:
        return None
    top, left = divmod(int(taken[0, 0, 0, 0]), value.shape[3])
    rows, columns = value.shape[2] - height, value.shape[3] - width
    if top > rows or left > columns or max(rows, columns) > _MOST:
        return None
    if not torch.equal(taken, numbers[:, :, top : top + height, left : left + width]):
        return None
    weight = value.new_zeros(channels, 1, rows + 1, columns + 1)
    weight[:, :, top, left] = 1
    pixels: Any = padded
    return F.conv2d(pixels, weight, groups=channels)
