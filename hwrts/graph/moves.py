"""Which calls only move values: views, permutations and the like, and what they do to numbers of values."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.cut import CUTS
from hwrts.graph.joined import JOINS, joined
from hwrts.graph.operators.call import VALUE
from hwrts.graph.recording import Moved, Recording

_METHODS = (
    *("view", "reshape", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "flatten"),
    *("unflatten", "squeeze", "unsqueeze", "expand", "repeat", "repeat_interleave", "tile", "flip", "narrow"),
    *("select", "index_select", "chunk", "split", "tensor_split", "unbind", "contiguous", "t"),
    *("rot90", "fliplr", "flipud"),
)
_MOVES: tuple[Any, ...] = (
    *_METHODS,
    *(getattr(torch, name) for name in _METHODS if hasattr(torch, name)),
    *(operator.getitem, torch.channel_shuffle, F.channel_shuffle),
)
"""Functions, and methods by their name, that change no value."""
_AS = {"expand_as": "expand", "view_as": "reshape", "reshape_as": "reshape"}
"""Methods that are given a tensor for its shape."""
_SPELLED = {**_AS, "view": "reshape"}  # whether memory must be copied is nobody's business here
_MODULES = (nn.Flatten, nn.Unflatten, nn.ChannelShuffle)


def moved(recording: Recording, node: fx.Node) -> Moved | None:
    """What a call makes of its operand's values, if it only moves them."""
    module = recording.module(node)
    if module is None and node.target in JOINS:
        return joined(recording, node)
    if not isinstance(module, _MODULES) and (node.op == "call_module" or node.target not in (*_MOVES, *_AS)):
        return None
    base = recording.origin(node.args[0]) if node.args else None
    if base is None:
        return None
    if node.args[0] not in recording.moved and node.target in CUTS and _is_cut(recording, node):
        return None
    if node.args[0] not in recording.moved and node.target == "contiguous":
        return None
    if module is not None:
        return Moved(base.source, module(base.index))
    others = fx.map_arg(node.args[1:], recording.shape if node.target in _AS else recording.number)
    kwargs = fx.map_arg(node.kwargs, recording.number)
    if isinstance(node.target, str):
        index = getattr(base.index, _SPELLED.get(node.target, node.target))(*others, **kwargs)
    else:
        function: Any = node.target
        index = function(base.index, *others, **kwargs)
    return Moved(base.source, index)


def _is_cut(recording: Recording, node: fx.Node) -> bool:
    """Whether it takes neighbouring channels, which needs no example, or parts of what takes them."""
    if node.target is not operator.getitem:
        along = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
        return along in (1, -3)
    given = node.args[1]
    if not isinstance(given, tuple):
        return isinstance(given, int) and not isinstance(recording.base(node.args[0]), Moved)
    steps = (each.step in (None, 1) for each in given if isinstance(each, slice))
    plain = all(isinstance(each, slice) or each is ... for each in given) and all(steps)
    operand: Any = node.args[0]
    source: Tensor = operand.meta[VALUE]
    made: Tensor | None = node.meta.get(VALUE)
    return (
        plain
        and made is not None
        and made.dim() == 4
        and made.shape[2:] == source.shape[2:]
        and (made.shape[1] < source.shape[1])
    )
