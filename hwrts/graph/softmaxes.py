"""Softmaxes of values in any places, as the tables that they are made of."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.operators.call import VALUE
from hwrts.graph.places import landed
from hwrts.graph.recording import Moved, Recording


def of_two(recording: Recording, node: fx.Node) -> Moved | None:
    """A softmax over two values: the sigmoid of how much each is larger than the other."""
    module = recording.module(node)
    if not isinstance(module, nn.Softmax) and node.target not in (F.softmax, torch.softmax, "softmax"):
        return None
    dim: Any = module.dim if isinstance(module, nn.Softmax) else recording.argument(node, 1, "dim")
    base = recording.base(node.args[0])
    if base is None or not isinstance(base.index, Tensor) or base.index.shape[dim] != 2:
        return None
    shape = base.source.meta[VALUE].shape
    other = torch.arange(shape.numel())
    other[base.index.flatten()] = base.index.flip(dim).flatten()  # the other one of each
    calls = landed(other.reshape(shape), shape) if base.index.numel() == shape.numel() else None
    if calls is None:
        return None
    against = base.source
    for function, *args in calls:
        against = recording.call(node, "call_function", function, (against, *args), {})
    apart = recording.call(node, "call_function", operator.sub, (base.source, against), {})
    return Moved(recording.call(node, "call_function", torch.sigmoid, (apart,), {}), base.index)
