"""Choices by values: what a comparison says is a table of 0 and 1, and a choice is two products and a sum."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.operators.scale import TIMES

_KINDS: dict[Any, str] = {
    **{each: name for name in ("gt", "ge", "lt", "le") for each in (name, getattr(torch, name))},
    **{getattr(operator, name): name for name in ("gt", "ge", "lt", "le")},
    **{torch.greater: "gt", "greater": "gt", torch.greater_equal: "ge", "greater_equal": "ge"},
    **{torch.less: "lt", "less": "lt", torch.less_equal: "le", "less_equal": "le"},
}
_OPPOSITE = {"gt": operator.le, "ge": operator.lt, "lt": operator.ge, "le": operator.gt}


def chosen(target: Any, args: Any, kwargs: Any) -> Any:
    """Choices, and comparisons of two tensors, in simpler calls.

    Returns:
        What stands for one; None if it is none, or one that no comparison makes.
    """
    if target in (operator.invert, "logical_not", torch.logical_not) and len(args) == 1 and not kwargs:
        return _opposite(args[0])
    if target in _KINDS and len(args) == 2 and not kwargs:
        return _compared(_KINDS[target], *args)
    if len(args) != 3 or kwargs:
        return None
    if target is torch.where:
        return _choice(*args)
    if target == "where":
        return _choice(args[1], args[0], args[2])
    if target in ("masked_fill", torch.masked_fill):
        return _choice(args[1], args[2], args[0])
    return None


def _compared(kind: str, a: Any, b: Any) -> Any:
    """Two tensors are compared by their difference, one with a number as it is."""
    if isinstance(b, fx.Proxy) or (isinstance(b, Tensor) and b.numel() > 1):
        return getattr(operator, kind)(operator.sub(a, b), 0)
    return None


def _opposite(condition: Any) -> Any:
    """Where a comparison does not hold."""
    kind = _KINDS.get(condition.node.target) if isinstance(condition, fx.Proxy) else None
    if kind is None:
        return None
    x, number = condition.node.args
    return _OPPOSITE[kind](condition.tracer.proxy(x), _held(condition, number))


def _held(condition: Any, number: Any) -> Any:
    """The number that a comparison is with; a constant has a node of its own."""
    return condition.tracer.constants[number.name] if isinstance(number, fx.Node) else number


def _choice(condition: Any, a: Any, b: Any) -> Any:
    """The one where a comparison holds, the other where it does not."""
    against = _opposite(condition)
    if against is None:
        return None
    a, b = _number(a), _number(b)
    bent = _bent(condition, a, b)
    if bent is not None:
        return bent
    if _is_zero(b):
        return operator.mul(a, condition)
    if _is_zero(a):
        return operator.mul(b, against)
    return operator.add(operator.mul(a, condition), operator.mul(b, against))


def _bent(condition: Any, a: Any, b: Any) -> Any:
    """A ReLU or leaky ReLU as a choice at 0; None if it is another."""
    x, number = condition.node.args
    above, below = (a, b) if _KINDS[condition.node.target] in ("gt", "ge") else (b, a)
    if not _is_zero(number) or not isinstance(above, fx.Proxy) or above.node is not x:
        return None
    kept: Any = above
    if _is_zero(below):
        return torch.relu(kept)
    scaled = below.node if isinstance(below, fx.Proxy) and below.node.target in TIMES else None
    factors = [] if scaled is None else [each for each in scaled.args if each is not x]
    if len(factors) == 1 and isinstance(factors[0], int | float):
        return F.leaky_relu(kept, factors[0])
    return None


def _number(given: Any) -> Any:
    """The number that a tensor is everywhere."""
    if isinstance(given, Tensor) and not given.requires_grad and given.numel():
        first = given.flatten()[0]
        return first.item() if bool((given == first).all()) else given
    return given


def _is_zero(given: Any) -> bool:
    return isinstance(given, int | float) and given == 0
