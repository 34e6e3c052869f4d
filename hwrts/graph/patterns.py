"""Constants that repeat every few rows and columns, such as the mask of a Bayer pattern."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.affine import PERIODS
from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.scale import OVER, TIMES

# Letters of the shape comments: C channels, H rows, W columns, P the period.

_CHANGES = {operator.iadd, operator.isub, operator.imul, operator.itruediv}
_OUT_OF_PLACE: dict[Any, Any] = {
    **{operator.iadd: operator.add, operator.isub: operator.sub},
    **{operator.imul: operator.mul, operator.itruediv: operator.truediv},
}


def patterned(target: Any, args: Any, kwargs: Any) -> Any:
    """A sum, difference, product or quotient with a constant that repeats: in front of a PixelShuffle.

    Args:
        target: The function, or the method's name.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        What stands for it; None if it is none.
    """
    signs = (*PLUS, *MINUS, *TIMES, *OVER)
    if target not in signs or kwargs or len(args) != 2 or not any(isinstance(x, fx.Proxy) for x in args):
        return None
    x, constant = args if isinstance(args[0], fx.Proxy) else args[::-1]
    value = x.node.meta.get(VALUE)
    if not isinstance(value, Tensor) or not isinstance(constant, Tensor) or constant.requires_grad:
        return None
    found = _pattern(constant, value)
    if found is None:
        return None
    numbers, period = found
    channels = numbers.shape[1] // period**2
    if channels > value.shape[1]:
        x = x[:, [0] * channels]
    apart: Any = F.pixel_unshuffle(x, period)
    function = _OUT_OF_PLACE.get(target, target)
    a, b = (apart, numbers) if isinstance(args[0], fx.Proxy) else (numbers, apart)
    name = function.rstrip("_") if isinstance(function, str) else ""
    made = F.pixel_shuffle(getattr(a, name)(b) if name else function(a, b), period)
    if target in _CHANGES or (isinstance(target, str) and target.endswith("_")):
        return args[0].copy_(made)
    return made


def _pattern(constant: Tensor, like: Tensor) -> tuple[Tensor, int] | None:
    """The period of a constant of the picture's size, and its numbers as channels of what is apart."""
    if like.dim() != 4 or constant.dim() > 4 or constant.shape[-2:] != like.shape[2:]:
        return None
    whole = constant.detach()[(None,) * (4 - constant.dim())]  # (1, C, H, W)
    if len(whole) != 1 or (whole.shape[1] not in (1, like.shape[1]) and like.shape[1] != 1):
        return None
    rows, columns = whole.shape[2:]
    for period in PERIODS:
        if rows % period or columns % period or rows == period:
            continue
        one = whole[:, :, :period, :period]
        if torch.equal(whole, one.repeat(1, 1, rows // period, columns // period)):
            channels = max(whole.shape[1], like.shape[1])
            return F.pixel_unshuffle(one.expand(1, channels, period, period).float(), period), period
    return None
