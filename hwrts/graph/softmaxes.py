"""Softmaxes and lengths of 1 over channels of a pixel, as the tables, sums and products that they are."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.call import VALUE
from hwrts.graph.places import landed
from hwrts.graph.recording import Moved, Recording

_SOFTMAX = (F.softmax, torch.softmax, "softmax")
_LEAST_LENGTH = 1e-12
"""F.normalize's eps."""


def softmax(recording: Recording, node: fx.Node) -> Moved | None:
    """A softmax, or F.normalize, along a dimension that is channels of a pixel."""
    module = recording.module(node)
    base = recording.base(node.args[0]) if node.args else None
    if base is None or not isinstance(base.index, Tensor):
        return None
    x = Arithmetic(recording, node)
    if module is None and node.target is F.normalize:
        return _normalised(recording, node, x, base)
    if isinstance(module, nn.Softmax2d):
        dim: Any = -3
    elif isinstance(module, nn.Softmax):
        dim = module.dim
    elif module is None and node.target in _SOFTMAX:
        dim = recording.argument(node, 1, "dim")
    else:
        return None
    if base.index.shape[dim] == 2:
        return _of_two(x, base, dim)
    dims = [dim % base.index.dim()]
    apart = x.pair(operator.sub, base, x.largest(base, dims))  # at most 0: no exponential overflows
    powers = x.each(lambda each: x.call(torch.exp, each), apart)
    return x.pair(operator.truediv, powers, x.total(powers, dims))


def _of_two(x: Arithmetic, base: Moved, dim: int) -> Moved:
    """Over two values: the sigmoid of how much each is larger than the other."""
    shape = base.source.meta[VALUE].shape
    other = torch.arange(shape.numel())
    other[base.index.flatten()] = base.index.flip(dim).flatten()  # the other one of each
    calls = landed(other.reshape(shape), shape) if base.index.numel() == shape.numel() else None
    if calls is None:
        apart = x.pair(operator.sub, base, Moved(base.source, base.index.flip(dim)))
        return x.each(lambda each: x.call(torch.sigmoid, each), apart)
    against = base.source
    for function, *args in calls:
        against = x.call(function, against, *args)
    return Moved(x.call(torch.sigmoid, x.call(operator.sub, base.source, against)), base.index)


def _normalised(recording: Recording, node: fx.Node, x: Arithmetic, base: Moved) -> Moved | None:
    """Of length 1; where the length is below eps nothing of it is left to see."""
    order, dim, eps = (recording.argument(node, i + 1, name) for i, name in enumerate(("p", "dim", "eps")))
    if order not in (None, 2) or node.args[0] not in recording.moved:
        return None
    squares = x.total(x.pair(operator.mul, base, base), [(1 if dim is None else dim) % base.index.dim()])
    least = (_LEAST_LENGTH if eps is None else eps) ** 2
    length = x.each(lambda each: x.call(torch.rsqrt, x.call(operator.add, each, least)), squares)
    return x.pair(operator.mul, base, length)
