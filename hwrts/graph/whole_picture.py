"""Means and maxima over the whole picture that are spelled by its size, while a module is followed."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.scale import OVER

_SUMS: tuple[Any, ...] = (torch.sum, "sum")
_MEANS: tuple[Any, ...] = (torch.mean, "mean")
_POOLS: dict[Any, bool] = {F.avg_pool2d: False, F.max_pool2d: True, torch.max_pool2d: True}
"""Whether the largest value is taken."""
_PICTURE = {2, 3}


def of_the_picture(target: Any, args: Any, kwargs: Any) -> Any:
    """A sum over the picture divided by its pixels, a mean of rows and columns in turn, a pool of its size.

    Args:
        target: The function, or the method's name.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        The mean, or the maximum; None for anything else.
    """
    if not args or not isinstance(args[0], fx.Proxy):
        return None
    if target in OVER or target is operator.mul:
        return _divided_sum(target, args, kwargs)
    if target in _MEANS:
        return _both_means(args[0].node, args, kwargs)
    return _pooled(target, args, kwargs) if callable(target) and target in _POOLS else None


def _divided_sum(target: Any, args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2 or not isinstance(args[1], int | float) or not args[1]:
        return None
    base = _summed(args[0].node, set(), _SUMS)
    if base is None or VALUE not in base.meta:
        return None
    pixels = base.meta[VALUE].shape[2] * base.meta[VALUE].shape[3]
    factor = args[1] if target is operator.mul else 1 / args[1]
    if abs(factor * pixels - 1) > 1e-6:
        return None
    return args[0].tracer.proxy(base).mean((2, 3), keepdim=True)


def _both_means(node: fx.Node, args: Any, kwargs: Any) -> Any:
    """The second of two means that keep their dimension."""
    dims = _dims(args, kwargs)
    if dims is None or len(dims) != 1:
        return None
    base = _summed(node, dims, _MEANS)
    return None if base is None else args[0].tracer.proxy(base).mean((2, 3), keepdim=True)


def _summed(node: fx.Node, dims: set[int], functions: tuple[Any, ...]) -> fx.Node | None:
    """What is summed up, or averaged, over rows and columns, dimension by dimension."""
    while dims != _PICTURE:
        own = _dims(node.args, node.kwargs) if node.target in functions else None
        if own is None or own & dims or not own <= _PICTURE:
            return None
        dims = dims | own
        (node,) = (each for each in node.args[:1] if isinstance(each, fx.Node))
    value = node.meta.get(VALUE)  # without an example all are pictures
    picture = value is None or (isinstance(value, Tensor) and value.dim() == len((0, 1, *_PICTURE)))
    return node if picture else None


def _dims(args: Any, kwargs: Any) -> set[int] | None:
    """Dimensions of a sum that keeps them; None if it does not."""
    given = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
    keep = args[2] if len(args) > 2 else kwargs.get("keepdim", False)
    dims = given if isinstance(given, tuple | list) else (given,)
    if not keep or not all(isinstance(dim, int) for dim in dims):
        return None
    return {dim % 4 for dim in dims}


def _pooled(target: Any, args: Any, kwargs: Any) -> Any:
    x: Any = args[0]
    value = x.node.meta.get(VALUE)
    size = args[1] if len(args) > 1 else kwargs.get("kernel_size")
    sides = (size, size) if isinstance(size, int) else tuple(size or ())
    padding = args[3] if len(args) > 3 else kwargs.get("padding", 0)
    whole = isinstance(value, Tensor) and value.dim() == 4 and sides == tuple(value.shape[2:])
    if not whole or padding not in (0, (0, 0), [0, 0]):
        return None
    return x.amax((2, 3), keepdim=True) if _POOLS[target] else x.mean((2, 3), keepdim=True)
