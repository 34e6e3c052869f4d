"""Pools to a size, and one pixel made as large as a picture, while a module is followed."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE

_POOLS: dict[Any, bool] = {F.adaptive_max_pool2d: True, F.adaptive_avg_pool2d: False}
"""Whether the largest value is taken."""
_FLAT = ("nearest", "nearest-exact", "area", "bilinear", "bicubic")
"""Modes that make of one pixel a picture of equal ones: their taps are 1 in sum."""


def to_a_fraction(target: Any, args: Any, kwargs: Any) -> Any:
    """An adaptive pooling to a size that a whole factor makes, the same in both directions: by that factor.

    Args:
        target: The function.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        The pooling; None for anything else.
    """
    if not callable(target) or target not in _POOLS or not args or not isinstance(args[0], fx.Proxy):
        return None
    x: Any = args[0]
    value, sides = _size(x.node), _sides(args[1] if len(args) > 1 else kwargs.get("output_size"))
    if value is None or sides is None or 1 in sides or kwargs.get("return_indices") or len(args) > 2:
        return None  # to one pixel it is a mean, or a maximum, of the whole picture
    factor = value[0] // sides[0]
    if factor < 1 or value != (sides[0] * factor, sides[1] * factor):
        return None
    if factor == 1:
        return x.clone()
    return F.max_pool2d(x, factor) if _POOLS[target] else F.avg_pool2d(x, factor)


def spread(target: Any, args: Any, kwargs: Any) -> Any:
    """An interpolation of one pixel to the size of a tensor: an addition to zeros of that size.

    Args:
        target: The function.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        The sum; None for anything else, and where no tensor of that size is made of the picture yet.
    """
    if target is not F.interpolate or not args or not isinstance(args[0], fx.Proxy):
        return None
    pixel: Any = args[0]
    names = ("size", "scale_factor", "mode")
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    sides = _sides(given.get("size"))
    if _size(pixel.node) != (1, 1) or sides in (None, (1, 1)) or given.get("mode", "nearest") not in _FLAT:
        return None
    tracer = pixel.tracer
    like = next((node for node in pixel.node.graph.nodes if _size(node) == sides), None)
    if like is None:
        return None
    value: Tensor = pixel.node.meta[VALUE]
    channels = value.shape[1]
    zeros = F.conv2d(tracer.proxy(like)[:, :1], value.new_zeros(channels, 1, 1, 1), value.new_zeros(channels))
    return zeros + pixel


def _size(node: fx.Node) -> tuple[int, int] | None:
    """Rows and columns of a tensor of pictures, for the example that the module is followed on."""
    value = node.meta.get(VALUE)
    return (value.shape[2], value.shape[3]) if isinstance(value, Tensor) and value.dim() == 4 else None


def _sides(given: Any) -> tuple[int, int] | None:
    sides = tuple(given) if isinstance(given, tuple | list) else (given, given)
    return sides if len(sides) == 2 and all(isinstance(side, int) for side in sides) else None
