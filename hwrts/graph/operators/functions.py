"""The functions that can be a table: what they compute, what torch calls them, and where they have a sign."""

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Name = Literal[
    "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "hardswish", "hardsigmoid", "elu", "mish", "softplus",
    "exp", "sqrt", "reciprocal", "rsqrt", "power", "abs", "selu", "celu", "softsign", "logsigmoid",
    "tanhshrink", "softshrink", "hardshrink", "threshold", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "erf", "sin", "cos", "sinh", "cosh", "atan",
    "sign", "gt", "ge", "lt", "le",
]  # fmt: skip
"""The functions; GELU has an exact form and one with tanh."""


def _over(x: Tensor, numerator: float) -> Tensor:
    return torch.reciprocal(x) * numerator  # what torch makes of a number over a tensor


def _above(x: Tensor, threshold: float) -> Tensor:
    return torch.relu(torch.sign(x - threshold))  # a difference is 0 of equal numbers alone


def _below(x: Tensor, threshold: float) -> Tensor:
    return torch.relu(torch.sign(threshold - x))


def _not_below(x: Tensor, threshold: float) -> Tensor:
    return 1 - _below(x, threshold)


def _not_above(x: Tensor, threshold: float) -> Tensor:
    return 1 - _above(x, threshold)


VALUES: dict[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "elu": F.elu,
    "mish": F.mish,
    "softplus": F.softplus,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "reciprocal": _over,
    "rsqrt": torch.rsqrt,
    "power": torch.pow,
    "abs": torch.abs,
    "selu": F.selu,
    "celu": F.celu,
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink,
    "softshrink": F.softshrink,
    "hardshrink": F.hardshrink,
    "threshold": F.threshold,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log2": torch.log2,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "erf": torch.erf,
    "sin": torch.sin,
    "cos": torch.cos,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "atan": torch.atan,
    "sign": torch.sign,
    "gt": _above,
    "ge": _not_below,
    "lt": _below,
    "le": _not_above,
}
assert list(VALUES) == list(get_args(Name)), "a function that has a name has no value, or none its name"

TAKES: dict[str, dict[str, Any]] = {
    "gelu": {"approximate": "none"},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "reciprocal": {"numerator": 1.0},
    "power": {"exponent": 2.0},
    "softshrink": {"lambd": 0.5},
    "hardshrink": {"lambd": 0.5},
    "threshold": {"threshold": 20.0, "replaced": 0.0},
    **{name: {"threshold": 0.0} for name in ("gt", "ge", "lt", "le")},
}
"""What some are given besides a tensor, in torch's order and with its defaults."""

OWN_NAMES = {"replaced": "value"}
"""What torch calls what a Lookup calls otherwise: it has a method of that name."""

ABOVE_ZERO = ("sigmoid", "softplus", "exp", "exp2", "cosh")
"""Above zero, whatever they are given, if only by less than the smallest code."""

POSITIVE = (*ABOVE_ZERO, "hardsigmoid", "sqrt", "rsqrt", "abs", "gt", "ge", "lt", "le")
"""Never below zero, whatever they are given."""

CHANGING_SIGN = ("logsigmoid", "log", "log2", "log10", "sin", "cos")
"""May be below zero of what is not; all others keep that."""

RISING = (
    "sigmoid", "tanh", "hardsigmoid", "softplus", "exp", "exp2", "expm1", "sqrt", "selu", "softsign",
    "logsigmoid", "tanhshrink", "softshrink", "log", "log2", "log10", "log1p", "erf", "sinh", "atan",
    "sign", "gt", "ge",
)  # fmt: skip
"""Nowhere smaller for a larger value."""

SINGULAR = ("sqrt", "reciprocal", "rsqrt", "power", "log", "log2", "log10")
"""Infinite, or infinitely steep, at 0."""

OVERFLOWING = ("exp", "exp2", "expm1", "sinh", "cosh")
"""Infinite in float64 of large values alone, where any format ends long before."""

_MODULES: dict[Any, Name] = {
    nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.GELU: "gelu", nn.SiLU: "silu", nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid", nn.ELU: "elu", nn.Mish: "mish", nn.Softplus: "softplus", nn.SELU: "selu",
    nn.CELU: "celu", nn.Softsign: "softsign", nn.LogSigmoid: "logsigmoid", nn.Tanhshrink: "tanhshrink",
    nn.Softshrink: "softshrink", nn.Hardshrink: "hardshrink", nn.Threshold: "threshold",
}  # fmt: skip

_FUNCTIONS: dict[Any, Name] = {
    F.sigmoid: "sigmoid", torch.special.expit: "sigmoid", F.tanh: "tanh", F.gelu: "gelu", F.silu: "silu",
    F.hardswish: "hardswish", F.hardsigmoid: "hardsigmoid", F.elu: "elu", F.elu_: "elu", F.mish: "mish",
    F.softplus: "softplus", F.selu: "selu", F.celu: "celu", F.softsign: "softsign",
    F.logsigmoid: "logsigmoid", F.tanhshrink: "tanhshrink", F.softshrink: "softshrink",
    F.hardshrink: "hardshrink", F.threshold: "threshold", operator.abs: "abs", torch.special.erf: "erf",
    torch.special.exp2: "exp2", torch.special.expm1: "expm1", torch.special.log1p: "log1p",
    operator.pow: "power", torch.pow: "power", "pow": "power", "pow_": "power",
    operator.gt: "gt", operator.ge: "ge", operator.lt: "lt", operator.le: "le",
}  # fmt: skip

_NAMED: dict[str, Name] = {
    **{name: name for name in get_args(Name) if hasattr(torch, name)},
    "absolute": "abs", "square": "power", "arctan": "atan", "sgn": "sign",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
}  # fmt: skip
"""Of torch itself: functions and methods, each with and without an underscore."""


def _spellings(name: str) -> list[Any]:
    names = [each for each in (name, f"{name}_") if hasattr(torch, each) or hasattr(Tensor, each)]
    return [*names, *(getattr(torch, each) for each in names if hasattr(torch, each))]


SPELLED: dict[Any, Name] = {
    **_MODULES,
    **_FUNCTIONS,
    **{each: function for name, function in _NAMED.items() for each in _spellings(name)},
}
"""What torch calls them: modules, functions, and methods by their name."""

SMALLEST = math.ldexp(1.0, -126)
"""Of float32's normal numbers: what is above zero is at least that, or it would be no number of a module."""
