"""Sums, means, maxima, products, lengths and spreads over dimensions that are channels of a pixel."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.scale import OVER
from hwrts.graph.recording import Moved, Recording

_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sum", "mean", "amax", "amin", "max", "min", "prod"), ("dim", "keepdim")),
    **dict.fromkeys(("var", "std"), ("dim", "unbiased", "keepdim")),
    "norm": ("p", "dim", "keepdim"),
    "vector_norm": ("ord", "dim", "keepdim"),
}
"""Functions that leave a dimension out, with the names of what stands behind the tensor."""
_FUNCTIONS: dict[Any, str] = {
    **{name: name for name in _NAMES if name != "vector_norm"},
    **{getattr(torch, name): name for name in _NAMES if hasattr(torch, name)},
    torch.linalg.vector_norm: "vector_norm",
}
_NEXT_TO_NOTHING = 1e-5
"""What may be added to a mean of lengths that are counted in pixels of a picture."""
_LENGTHS = ("norm", "vector_norm")
_PAIRS = ("max", "min")
"""With a dimension, these return places as well."""


def reduced(recording: Recording, node: fx.Node) -> Moved | None:
    """A function over dimensions that are channels of a pixel, or all of the picture."""
    name = _FUNCTIONS.get(node.target) if node.op in ("call_function", "call_method") else None
    base = recording.base(node.args[0]) if name is not None and node.args else None
    if name is None or base is None or not isinstance(base.index, Tensor):
        return None
    if node.args[0] not in recording.moved and name not in ("prod", "amin", "min", *_LENGTHS):
        return None  # of a picture: each has a reader of its own
    given: dict[str, Any] = {**dict(zip(_NAMES[name], node.args[1:], strict=False)), **node.kwargs}
    given = {key: each for key, each in given.items() if each is not None}
    given["dim"] = given.pop("axis", given.get("dim"))
    if given.keys() - {*_NAMES[name], "correction"} or given["dim"] is None:
        return None
    along: Any = given["dim"]
    several = along if isinstance(along, tuple | list) else (along,)
    dims = sorted({int(dim) % base.index.dim() for dim in several})
    made = _made(Arithmetic(recording, node), name, base, dims, given, node)
    if made is None:
        return None
    kept: Callable[[Tensor], Tensor] = (lambda x: x) if given.get("keepdim") else (lambda x: x.squeeze(dims))
    return Moved(made.source, (kept(made.index), None) if name in _PAIRS else kept(made.index))


def _made(
    x: Arithmetic, name: str, base: Moved, dims: list[int], given: dict[str, Any], node: fx.Node
) -> Moved | None:
    """What it makes, with all dimensions."""
    if name == "sum":
        return x.total(base, dims)
    if name == "mean":
        return x.mean(base, dims)
    if name in ("amax", "max"):
        return x.largest(base, dims)
    if name in ("amin", "min"):
        turned = x.each(lambda each: x.call(operator.neg, each), base)
        return x.each(lambda each: x.call(operator.neg, each), x.largest(turned, dims))
    if name == "prod":
        return x.chained(base, dims, lambda a, b: x.call(operator.mul, a, b))
    if name in _LENGTHS and x.is_picture(base, dims):
        return _in_relation(x, base, dims, node) if given.get("p", given.get("ord", 2)) in (2, None) else None
    if name in _LENGTHS:
        return _length(x, base, dims, given.get("p", given.get("ord", 2)))
    return spread(x, base, dims, given.get("correction", given.get("unbiased", True)), root=name == "std")


def _in_relation(x: Arithmetic, base: Moved, dims: list[int], node: fx.Node) -> Moved | None:
    """Lengths of the channels over the picture, of which one over their mean is taken, as GRN does.

    The root of the mean of squares is in the same relation: how many pixels there are goes away. What is
    added to the mean so that it is not 0 is next to nothing in both.
    """
    means = [each for each in node.users if _FUNCTIONS.get(each.target) == "mean"]
    if len(means) != 1:
        return None
    (divisors,) = (list(each.users) for each in means)
    if len(divisors) != 1 or divisors[0].target not in (operator.add, torch.add, "add"):
        return None
    added: Any = divisors[0].args[1]
    quotients = list(divisors[0].users)
    small = isinstance(added, float) and 0 <= added <= _NEXT_TO_NOTHING
    if not small or {*node.users} != {means[0], *quotients}:
        return None
    if any(each.target not in OVER or each.args != (node, divisors[0]) for each in quotients):
        return None
    squares = x.mean(x.pair(operator.mul, base, base), dims)
    return x.each(lambda each: x.call(torch.sqrt, each), squares)


def _length(x: Arithmetic, base: Moved, dims: list[int], order: Any) -> Moved | None:
    """Of two usual kinds: the root of the sum of squares, the sum of what is below zero turned around."""
    if order == 1:
        return x.total(x.each(lambda each: x.call(torch.abs, each), base), dims)
    if order not in (2, "fro", None):
        return None
    squares = x.total(x.pair(operator.mul, base, base), dims)
    return x.each(lambda each: x.call(torch.sqrt, each), squares)


def spread(x: Arithmetic, base: Moved, dims: list[int], less: Any, *, root: bool = False) -> Moved | None:
    """The variance, or the standard deviation, of channels.

    Args:
        x: Adds the calls.
        base: Of which it is.
        dims: Over which.
        less: How much less than the count of values the sum of squares is divided by.
        root: Whether the root is taken.
    """
    count = torch.Size([base.index.shape[dim] for dim in dims]).numel()
    if not isinstance(less, int) or count <= less:
        return None
    apart = x.pair(operator.sub, base, x.mean(base, dims))
    squares = x.pair(operator.mul, apart, apart)
    made = x.mean(squares, dims) if less == 0 else x.total(squares, dims, 1 / (count - less))
    return x.each(lambda each: x.call(torch.sqrt, each), made) if root else made
