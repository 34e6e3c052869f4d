"""Functions of each value, or of two at the same place, carried out where the values were."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.operators import Clip, Lookup, Relu
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.scale import OVER, TIMES
from hwrts.graph.recording import Moved, Recording

_SIGNS = (*PLUS, *MINUS, *TIMES, *OVER)
"""What is computed of two values at the same place."""
_ALONE_MODULES = (*Relu.MODULES, *Clip.MODULES, *Lookup.MODULES, nn.LeakyReLU, nn.Dropout, nn.Identity)
_ALONE: tuple[Any, ...] = (
    *Relu.FUNCTIONS,
    *Clip.FUNCTIONS,
    *Lookup.FUNCTIONS,
    F.leaky_relu,
    "clone",
    "float",
)
"""What is computed value by value."""


def value_by_value(recording: Recording, node: fx.Node) -> Moved | None:
    """A function of each value, or of two at the same places, where they were before they were moved."""
    moved = [each for each in node.all_input_nodes if each in recording.moved]
    if not moved or any(recording.landing(each) is not None for each in moved):
        return None
    base = recording.moved[moved[0]]
    if not isinstance(base.index, Tensor):
        return None
    module = recording.module(node)
    alone = isinstance(module, _ALONE_MODULES) if module is not None else node.target in _ALONE
    if alone and node.all_input_nodes == moved == [node.args[0]]:
        made = recording.call(node, node.op, node.target, (base.source, *node.args[1:]), node.kwargs)
        return Moved(made, base.index)
    if node.target not in _SIGNS or len(node.args) != 2 or node.kwargs:
        return None
    operands = [_there(recording, each, base) for each in node.args]
    if any(each is None for each in operands):
        return None
    return Moved(recording.call(node, node.op, node.target, tuple(operands), {}), base.index)


def _there(recording: Recording, operand: Any, base: Moved) -> Any:
    """A second operand in the places of the first one's source; None if it has none there."""
    if not isinstance(operand, fx.Node):
        return operand
    if operand in recording.moved:
        other = recording.moved[operand]
        same = isinstance(other.index, Tensor) and torch.equal(other.index, base.index)
        return other.source if same else None
    held = recording.constants.get(operand.name)
    if held is None:
        return None
    if held.numel() == 1:
        return operand
    shape = base.source.meta[VALUE].shape
    there = held.new_zeros(shape.numel()).index_put(
        (base.index.flatten(),), held.expand(base.index.shape).flatten()
    )
    there = there.reshape(shape)
    one = there[:, :, :1, :1]
    return recording.constant(operand, one) if torch.equal(there, one.expand(shape)) else None
