"""Functions of each value, or of two at the same place, carried out where the values were."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.drawn import bundle
from hwrts.graph.operators import Clip, Lookup, Relu
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import FUNCTIONAL, VALUE
from hwrts.graph.operators.scale import OVER, TIMES
from hwrts.graph.planes import met
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


_OUT_OF_PLACE: dict[Any, Any] = {
    **dict.fromkeys((operator.iadd, "add_"), operator.add),
    **dict.fromkeys((operator.isub, "sub_", "subtract_"), operator.sub),
    **dict.fromkeys((operator.imul, "mul_", "multiply_"), operator.mul),
    **dict.fromkeys((operator.itruediv, "div_", "divide_", "true_divide_"), operator.truediv),
}
"""What computes the same as a call in place."""


def value_by_value(recording: Recording, node: fx.Node) -> Moved | None:
    """A function of each value, or of two that meet, wherever they have been moved to."""
    moved = [each for each in node.all_input_nodes if each in recording.moved]
    if not moved or all(recording.landing(each) is not None for each in moved):
        return None
    module = recording.module(node)
    if module is not None or node.target not in _SIGNS or len(node.args) != 2:
        return _of_one(recording, node, module)
    if node.kwargs:
        return None
    base = recording.moved[moved[0]]
    if isinstance(base.index, Tensor) and base.source.target is not bundle:
        operands = [_there(recording, each, base) for each in node.args]
        if all(each is not None for each in operands):
            return Moved(recording.call(node, node.op, node.target, tuple(operands), {}), base.index)
    written: Any = node.args[0]
    changes = node.target in _OUT_OF_PLACE and not node.meta.get(FUNCTIONAL)
    if changes and not recording.is_alone(written):
        return None
    given = [_operand(recording, each) for each in node.args]
    if any(each is None for each in given):
        return None
    return Arithmetic(recording, node).pair(_OUT_OF_PLACE.get(node.target, node.target), *given)


def _of_one(recording: Recording, node: fx.Node, module: nn.Module | None) -> Moved | None:
    """A function of each value."""
    operand: Any = node.args[0]
    alone = isinstance(module, _ALONE_MODULES) if module is not None else node.target in _ALONE
    if not alone or node.all_input_nodes != [operand]:
        return None

    def called(x: fx.Node) -> fx.Node:
        return recording.call(node, node.op, node.target, (x, *node.args[1:]), node.kwargs)

    if not isinstance(recording.moved[operand].index, Tensor):
        return None
    return Arithmetic(recording, node).each(called, recording.moved[operand])


def _operand(recording: Recording, given: Any) -> Any:
    """Values in their places, a constant, or a number; None for what is none of these."""
    if isinstance(given, fx.Node):
        held = recording.constants.get(given.name)
        return recording.base(given) if held is None else held
    return given if isinstance(given, int | float) else None


def _there(recording: Recording, operand: Any, base: Moved) -> Any:
    """A second operand in the places of the first one's source; None if it has none there."""
    if not isinstance(operand, fx.Node):
        return operand
    if operand in recording.moved:
        other = recording.moved[operand]
        same = isinstance(other.index, Tensor) and torch.equal(other.index, base.index)
        return other.source if same else None
    held = recording.constants.get(operand.name)
    if held is None or met(held.shape, base.index.shape) != base.index.shape:
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
