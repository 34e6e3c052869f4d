"""Calls in simpler words, while a module is followed: what is nothing, and what is made of simpler calls."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from hwrts.graph.choices import chosen
from hwrts.graph.layers import gated, normed
from hwrts.graph.lengths import over_channels
from hwrts.graph.matrices import multiplied
from hwrts.graph.operators.add import MINUS, PLUS
from hwrts.graph.operators.call import VALUE
from hwrts.graph.patterns import patterned
from hwrts.graph.resizing import resized, to_another
from hwrts.graph.shifts import shifted
from hwrts.graph.sized import spread, to_a_fraction
from hwrts.graph.states import joined_of_one_number, of_one_number, the_number
from hwrts.graph.statistics import of_each_picture
from hwrts.graph.strips import of_strips
from hwrts.graph.whole_picture import of_the_picture


class Call(NamedTuple):
    """A call as torch.fx takes it."""

    kind: str
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_SIGNS: dict[str, Callable[..., Any]] = {
    "__add__": operator.add,
    "__sub__": operator.sub,
    "__mul__": operator.mul,
    "__truediv__": operator.truediv,
    "__iadd__": operator.iadd,
    "__isub__": operator.isub,
    "__imul__": operator.imul,
    "__itruediv__": operator.itruediv,
    "__pow__": operator.pow,
    "__neg__": operator.neg,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
}
"""Methods that have a sign in Python."""
_TURNED: dict[Any, Callable[..., Any]] = {
    "__radd__": operator.add,
    "__rsub__": operator.sub,
    "__rmul__": operator.mul,
    "__rtruediv__": operator.truediv,
    "__rdiv__": operator.truediv,
}
"""Those of which the operands are turned around."""

_DROPOUTS = {
    F.dropout: 0.5,
    F.dropout2d: 0.5,
    F.alpha_dropout: 0.5,
    F.feature_alpha_dropout: 0.5,
    torch.dropout: None,
    torch.feature_dropout: None,
}
_LIKE = (
    *(torch.zeros_like, torch.ones_like, torch.full_like, torch.empty_like),
    *("new_zeros", "new_ones", "new_full", "new_tensor"),
)
"""What takes nothing of a tensor but its shape, type and place."""
_TYPED = ("type_as", "to", "expand_as", "view_as", "reshape_as")
"""Methods that take nothing of another tensor but its shape, type and place."""
_NEUTRAL: dict[Any, float] = {
    **dict.fromkeys((operator.add, operator.iadd, operator.sub, operator.isub), 0),
    **dict.fromkeys((operator.mul, operator.imul, operator.truediv, operator.itruediv), 1),
}
"""Numbers that leave the other operand as it is."""
_DIMENSIONS = 4
"""Of a tensor of pictures: rows and columns are the last two."""
_IN_PLACE = (operator.iadd, operator.isub, operator.imul, operator.itruediv)


def respelled(target: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function or method in simpler words.

    Args:
        target: The function, or the method's name.
        args: With what stands for tensors of the picture among them.
        kwargs: As ``args``, by name.

    Returns:
        Another call; a value, if there is nothing to be called; None to leave it as it is.
    """
    if isinstance(target, str) and target in _SIGNS:
        return Call("call_function", _SIGNS[target], args, kwargs)
    if isinstance(target, str) and target in _TURNED and len(args) == 2:
        return Call("call_function", _TURNED[target], (args[1], args[0]), kwargs)
    by_name = _by_place(target, args, kwargs)
    call = by_name or Call("", target, args, kwargs)
    for rule in _RULES:
        made = rule(call.target, call.args, call.kwargs)
        if made is not None:
            return made
    return by_name


def _neutral(target: Any, args: Any, kwargs: Any) -> Any:
    """0 + x, as Python's sum begins, x - 0, 1 * x, x / 1."""
    number = _NEUTRAL.get(target) if callable(target) else None
    if number is None or kwargs or len(args) != 2:
        return None
    x, other = args
    if _is_number(x, number) and target in (operator.add, operator.mul):
        x, other = other, x
    if not isinstance(x, fx.Proxy) or not _is_number(other, number):
        return None
    return x if target in _IN_PLACE else Call("call_method", "clone", (x,), {})


def _is_number(given: Any, number: float) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and given == number


def _joined(target: Any, args: Any, kwargs: Any) -> Any:
    """A concatenation of constants that are one number in each channel, such as states that begin with 0."""
    dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))
    joined = joined_of_one_number(target, args, dim)
    return None if joined is None else Call("call_function", target, (joined.operands, *args[1:]), kwargs)


def _scaled_by_alpha(target: Any, args: Any, kwargs: Any) -> Any:
    """An addition of ``alpha`` times a tensor: a product and an addition."""
    if target not in (*PLUS, *MINUS) or kwargs.get("alpha", 1) in (1, -1):
        return None
    added = args[1] if len(args) > 1 else kwargs.get("other")
    kept = {name: each for name, each in kwargs.items() if name not in ("alpha", "other")}
    kind = "call_method" if isinstance(target, str) else "call_function"
    return Call(kind, target, (*args[:1], operator.mul(added, kwargs["alpha"])), kept)


def _by_place(target: Any, args: Any, kwargs: Any) -> Any:
    """Operands that are given by name."""
    if isinstance(target, str) or not kwargs.keys() & {"input", "other", "tensors"}:
        return None
    others = dict(kwargs)
    if not args and "input" in others:
        args = (others.pop("input"),)
    elif not args and "tensors" in others:
        args = (others.pop("tensors"),)
    if len(args) == 1 and "other" in others:
        args = (*args, others.pop("other"))
    return Call("call_function", target, args, others) if len(others) < len(kwargs) else None


def _larger_of_two(target: Any, args: Any, kwargs: Any) -> Any:
    """Maximum and minimum of two tensors: by a difference and a ReLU; with one number: a limit."""
    larger = target in (torch.max, torch.maximum, "max", "maximum")
    smaller = target in (torch.min, torch.minimum, "min", "minimum")
    if not (larger or smaller) or kwargs or len(args) != 2:
        return None
    if not all(isinstance(each, fx.Proxy | Tensor) for each in args):
        return None
    for x, other in (args, args[::-1]):
        if (limit := the_number(other, x)) is not None:
            return torch.clamp(x, min=limit) if larger else torch.clamp(x, max=limit)
    a, b = args
    above = torch.relu(operator.sub(a, b))
    return operator.add(b, above) if larger else operator.sub(a, above)


def _subtracted_from(target: Any, args: Any, kwargs: Any) -> Any:
    """The function rsub."""
    if target not in (torch.rsub, "rsub") or kwargs or len(args) != 2:
        return None
    return Call("call_function", operator.sub, (args[1], args[0]), {})


def _of_several(target: Any, args: Any, kwargs: Any) -> Any:
    """The functions addcmul and lerp, as sums and products."""
    if target in (torch.addcmul, "addcmul", "addcmul_") and len(args) == 3 and isinstance(args[0], fx.Proxy):
        product = operator.mul(args[1], args[2])
        value = kwargs.get("value", 1)
        total = operator.iadd if target == "addcmul_" else operator.add
        return Call("call_function", total, (args[0], product if value == 1 else product * value), {})
    if target in (torch.lerp, "lerp") and not kwargs and len(args) == 3:
        start, end, weight = args
        return Call(
            "call_function", operator.add, (start, operator.mul(operator.sub(end, start), weight)), {}
        )
    return None


def _stacked(target: Any, args: Any, kwargs: Any) -> Any:
    """Sum and mean over what was stacked: a chain of additions."""
    total, mean = target in (torch.sum, "sum"), target in (torch.mean, "mean")
    if not (total or mean) or not args or not isinstance(args[0], fx.Proxy):
        return None
    stack: Any = args[0].node
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    if (
        stack.target is not torch.stack
        or not isinstance(stack.args[0], list | tuple)
        or kwargs.get("keepdim")
    ):
        return None
    along: Any = stack.args[1] if len(stack.args) > 1 else stack.kwargs.get("dim", 0)
    if dim not in (along, [along], (along,)):
        return None
    xs: Sequence[Any] = [args[0].tracer.proxy(each) for each in stack.args[0]]
    found = xs[0]
    for x in xs[1:]:
        found = found + x
    return found * (1 / len(xs)) if mean else found


def _over_channels(target: Any, args: Any, kwargs: Any) -> Any:
    """Sums over channels as a convolution of 1x1; means and sums that keep no dimension, with it."""
    total, mean = target in (torch.sum, "sum"), target in (torch.mean, "mean")
    if not (total or mean) or not args or not isinstance(args[0], fx.Proxy):
        return None
    x: Any = args[0]
    value = x.node.meta.get(VALUE)
    given = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
    keep = args[2] if len(args) > 2 else kwargs.get("keepdim", False)
    dims = given if isinstance(given, tuple | list) else (given,)
    if not isinstance(value, Tensor) or value.dim() != 4 or not all(isinstance(dim, int) for dim in dims):
        return None
    if total and [dim % 4 for dim in dims] == [1]:
        made = F.conv2d(x, value.new_ones(1, value.shape[1], 1, 1))
    elif mean and not keep:
        made = x.mean(dims, keepdim=True)
    else:
        return None
    for dim in () if keep else sorted((dim % 4 for dim in dims), reverse=True):
        made = made.squeeze(dim)
    return made


class _Largest(NamedTuple):
    """What torch.max returns with a dimension."""

    values: Any
    indices: None


def _largest(target: Any, args: Any, kwargs: Any) -> Any:
    """The function max with a dimension, and maxima that keep none, by amax; places are not known."""
    pair = target in (torch.max, "max")
    if not (pair or target in (torch.amax, "amax")) or not args or not isinstance(args[0], fx.Proxy):
        return None
    x: Any = args[0]
    value = x.node.meta.get(VALUE)
    given = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
    keep = args[2] if len(args) > 2 else kwargs.get("keepdim", False)
    dims = given if isinstance(given, tuple | list) else (given,)
    if not isinstance(value, Tensor) or value.dim() != 4 or not all(isinstance(dim, int) for dim in dims):
        return None
    if keep and not pair:
        return None
    made = x.amax(dims, keepdim=True)
    for dim in () if keep else sorted((dim % 4 for dim in dims), reverse=True):
        made = made.squeeze(dim)
    return _Largest(made, None) if pair else made


def _to_a_size(target: Any, args: Any, kwargs: Any) -> Any:
    """Interpolation to a size that is a whole multiple: by that factor."""
    if target is not F.interpolate or not isinstance(args[0], fx.Proxy):
        return None
    names = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    value, size = args[0].node.meta.get(VALUE), given.get("size")
    factors = given.get("scale_factor")
    if isinstance(factors, tuple | list) and len(set(factors)) == 1 and size is None:
        return Call("call_function", target, args[:1], {**given, "scale_factor": factors[0]})
    if not isinstance(value, Tensor) or value.dim() != 4 or size is None or factors is not None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    height, width = value.shape[2:]
    if len(sides) != 2 or sides[0] * width != sides[1] * height or sides[0] % height:
        return None
    factor = sides[0] // height
    if factor == 1:
        return Call("call_method", "clone", (args[0],), {})
    return Call("call_function", target, args[:1], {**given, "size": None, "scale_factor": factor})


def _to_another(target: Any, args: Any, kwargs: Any) -> Any:
    """Interpolation to the size that another tensor has."""
    made = to_another(target, args, kwargs)
    return None if made is None else Call("call_function", resized, made, {})


def _nothing(target: Any, args: Any, kwargs: Any) -> Any:
    """Dropouts that are off, and pads of no pixels."""
    if not args or not isinstance(args[0], fx.Proxy):
        return None
    if callable(target) and target in _DROPOUTS:
        share = args[1] if len(args) > 1 else kwargs.get("p", _DROPOUTS[target])
        default = True if _DROPOUTS[target] is not None else None
        train = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", default))
        return args[0] if train is False or share == 0 else None
    if target is F.pad:
        sides = args[1] if len(args) > 1 else kwargs.get("pad")
        if isinstance(sides, tuple | list) and all(_is_number(side, 0) for side in sides):
            return Call("call_method", "clone", (args[0],), {})
    return None


def _cropped(target: Any, args: Any, kwargs: Any) -> Any:
    """Slices of rows and columns that count from the edges: a padding of negative numbers."""
    if target is not operator.getitem or not isinstance(args[0], fx.Proxy) or not isinstance(args[1], tuple):
        return None
    given = list(args[1])
    behind = bool(given) and given[0] is ...
    given = given[1:] if behind else given
    if not 0 < len(given) <= _DIMENSIONS or not all(isinstance(each, slice) for each in given):
        return None
    numbers = (each for part in given for each in (part.start, part.stop, part.step))
    if not all(each is None or isinstance(each, int) for each in numbers):
        return None
    given = [slice(None)] * (_DIMENSIONS - len(given)) + given if behind else given
    if any(each.step not in (None, 1) for each in given) or any(each != slice(None) for each in given[:2]):
        return None
    sides: list[int] = []  # as F.pad counts them
    for each in reversed([*given, slice(None), slice(None)][2:_DIMENSIONS]):
        start, stop = each.start or 0, each.stop
        if start < 0 or (stop is not None and stop >= 0):
            return None
        sides += [-start, stop or 0]
    return Call("call_function", F.pad, (args[0], sides), {}) if any(sides) else None


def _constant(target: Any, args: Any, kwargs: Any) -> Any:
    """Tensors of zeros and the like, and constants that are given another's type."""
    if isinstance(target, str) and target in _TYPED and args and isinstance(args[0], Tensor):
        if target in ("type_as", "to"):
            return args[0]
    elif target not in _LIKE:
        return None
    values = [each.node.meta.get(VALUE) if isinstance(each, fx.Proxy) else each for each in args]
    if any(value is None and each is not None for value, each in zip(values, args, strict=True)):
        return None
    with torch.no_grad():
        called = getattr(values[0], target) if isinstance(target, str) else target
        made: Tensor = called(*(values[1:] if isinstance(target, str) else values), **kwargs)
    return made


_RULES: tuple[Callable[[Any, Any, Any], Any], ...] = (
    _neutral,
    _joined,
    of_one_number,
    patterned,
    normed,
    of_each_picture,
    of_strips,
    gated,
    multiplied,
    chosen,
    shifted,
    _larger_of_two,
    _scaled_by_alpha,
    _subtracted_from,
    _of_several,
    _stacked,
    of_the_picture,
    _over_channels,
    over_channels,
    _largest,
    to_a_fraction,
    spread,
    _to_a_size,
    _to_another,
    _nothing,
    _cropped,
    _constant,
)
