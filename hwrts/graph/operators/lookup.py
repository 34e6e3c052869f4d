"""Functions of a single value: in integers a table of one entry for each code, made here, once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from hwrts import fixed_point
from hwrts.files.read import LARGEST
from hwrts.fixed_point import Format, HwrtsError, Rounding
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.operator import Operator
from hwrts.graph.rounding import round_by

Name = Literal[
    "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "hardswish", "hardsigmoid", "elu", "mish", "softplus",
    "exp", "sqrt",
]  # fmt: skip
"""The functions; GELU has an exact form and one with tanh."""

_VALUES: dict[str, Callable[..., Tensor]] = {
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
}
assert list(_VALUES) == list(get_args(Name)), "a function that has a name has no value, or none its name"

_POSITIVE = ("sigmoid", "hardsigmoid", "softplus", "exp", "sqrt")
"""Never below zero, whatever they are given; the others keep what is not negative so."""

_SPELLED: dict[Any, Name] = {
    nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.GELU: "gelu", nn.SiLU: "silu", nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid", nn.ELU: "elu", nn.Mish: "mish", nn.Softplus: "softplus",
    F.sigmoid: "sigmoid", torch.sigmoid: "sigmoid", torch.sigmoid_: "sigmoid", "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid", torch.special.expit: "sigmoid",
    F.tanh: "tanh", torch.tanh: "tanh", torch.tanh_: "tanh", "tanh": "tanh", "tanh_": "tanh",
    F.gelu: "gelu", F.silu: "silu", F.hardswish: "hardswish", F.hardsigmoid: "hardsigmoid",
    F.elu: "elu", F.elu_: "elu", F.mish: "mish", F.softplus: "softplus",
    torch.exp: "exp", torch.exp_: "exp", "exp": "exp", "exp_": "exp",
    torch.sqrt: "sqrt", torch.sqrt_: "sqrt", "sqrt": "sqrt", "sqrt_": "sqrt",
}  # fmt: skip
"""What torch calls them: modules, functions, and methods by their name."""

_TAKES: dict[str, dict[str, Any]] = {
    "gelu": {"approximate": "none"},
    "elu": {"alpha": 1.0},
    "softplus": {"beta": 1.0, "threshold": 20.0},
}
"""What some are given besides a tensor, in torch's order and with its defaults."""

_INVERSE = (torch.reciprocal, torch.reciprocal_, torch.rsqrt, torch.rsqrt_, "reciprocal", "rsqrt")
_LOGARITHMS = (torch.log, torch.log_, torch.log2, torch.log10, "log", "log_", "log2", "log10")
_UNDEFINED: dict[Any, str] = {
    **dict.fromkeys(_INVERSE, "has no value at 0, a code of every format; use one that has, such as sigmoid"),
    **dict.fromkeys(_LOGARITHMS, "has no value at 0 and below; use one that has, such as sqrt or softplus"),
}
"""What can be no table, and what to use instead."""


@dataclass(frozen=True)
class Lookup(Operator):
    """A function of each value.

    Attributes:
        function: Which one.
        alpha: What an ELU falls toward, negated.
        beta: How sharply a softplus bends.
        threshold: From where on, in values times beta, it is taken for its straight line.
    """

    MODULES = tuple(each for each in _SPELLED if isinstance(each, type))
    FUNCTIONS = (*(each for each in _SPELLED if not isinstance(each, type)), *_UNDEFINED)
    SPELLED = "Sigmoid, Tanh, GELU, SiLU, Hardswish, Hardsigmoid, ELU, Mish, Softplus, exp, sqrt"
    PARTS = "tables"

    sources: tuple[str]
    function: Name
    alpha: Annotated[float, Field(ge=-LARGEST, le=LARGEST)] = 1.0
    beta: Annotated[float, Field(gt=0, le=LARGEST)] = 1.0
    threshold: Annotated[float, Field(ge=-LARGEST, le=LARGEST)] = 20.0

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of their spellings."""
        if call.function in _UNDEFINED:
            raise call.refused(f"{call.named} {_UNDEFINED[call.function]}")
        key = call.function or next(kind for kind in cls.MODULES if isinstance(call.module, kind))
        function = _SPELLED[key]
        given = _given(call, _TAKES.get(function, {}))
        if function == "gelu":
            if given["approximate"] not in ("none", "tanh"):
                raise call.refused(f"approximate={given['approximate']!r}; use 'none' or 'tanh'")
            return cls(call.name, call.sources(), "gelu" if given["approximate"] == "none" else "gelu_tanh")
        numbers = {name: call.finite(value) for name, value in given.items()}
        if any(abs(number) > LARGEST for number in numbers.values()) or numbers.get("beta", 1) <= 0:
            raise call.refused(f"{numbers} leave what it can be: beta above 0, no number beyond {LARGEST:g}")
        return cls(call.name, call.sources(), function, **numbers)

    def value(self, *xs: Tensor) -> Tensor:
        """Torch's own."""
        settings = {name: getattr(self, name) for name in _TAKES.get(self.function, ()) if name in vars(self)}
        return _VALUES[self.function](xs[0], **settings)

    def slope(self, x: Tensor, gradient: Tensor, lsb: float) -> Tensor:
        """Gradient times the function's own slope, at values of a grid of that LSB."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = self.value(x)
            (found,) = torch.autograd.grad(y, x, gradient)
        if self.function != "sqrt":
            return found
        # a square root is infinitely steep at 0: half an LSB is where the next code begins
        return torch.where(x.detach() > 0, found, gradient * 0.5 * (lsb / 2) ** -0.5)

    def non_negative(self, sources: bool) -> bool:
        """Some always, all others if their source is."""
        return sources or self.function in _POSITIVE

    def part(self, formats: Mapping[str, Format], weight_bits: int | None, rounding: Rounding) -> nn.Module:
        """Its table."""
        return Table(self, formats[self.sources[0]], formats[self.name], rounding)

    def quantised(self, part: Any, *sources: Any) -> Tensor:
        """The table's entries, so that its own quantiser has nothing left to round."""
        made: Tensor = part(sources[0].value)
        return made

    def fine_tuned(self, part: Any) -> Self:
        """Itself: a function has nothing to train."""
        return self

    def lower(
        self, part: Any, formats: Mapping[str, Format], channels: Mapping[str, int]
    ) -> fixed_point.Layer:
        """The same table."""
        source, out = formats[self.sources[0]], formats[self.name]
        entries = table_of(self, source, out, Rounding.HALF_EVEN) if part is None else part.codes
        table: NDArray[np.int16] = entries.cpu().numpy()
        return fixed_point.Lookup(self.name, self.sources[0], table, out)


def table_of(node: Lookup, source: Format, out: Format, rounding: Rounding) -> Tensor:
    """The codes of a function of every code (eq. 26): in float64, rounded once, saturated.

    QAT and lowering have their tables from here, and nowhere else is a function rounded.

    Args:
        node: The function.
        source: Format of its source.
        out: Format of its result, of codes that int16 holds.
        rounding: The tie rule of the network.

    Returns:
        (2**bits,) int16, on the CPU; that of the smallest code first.

    Raises:
        HwrtsError: The function has no value at a code of the source.

    >>> source = Format(True, 2, 0)  # -2, -1, 0, 1
    >>> table_of(Lookup("y", ("x",), "sigmoid"), source, Format(False, 8, 8), Rounding.HALF_EVEN).tolist()
    [31, 69, 128, 187]
    """
    codes = torch.arange(source.min, source.max + 1, dtype=torch.float64)
    values = node.value(codes * math.ldexp(1.0, -source.frac))
    missing = torch.isnan(values).nonzero().flatten()
    if len(missing):
        raise HwrtsError(
            f"layer {node.name!r}: {node.function} has no value at {float(codes[missing[0]]):g} * "
            f"2^{-source.frac}, a code of its source {node.sources[0]!r}; put a ReLU or a clamp to values "
            "where it has one in front"
        )
    return round_by(values * math.ldexp(1.0, out.frac), rounding).clamp(out.min, out.max).to(torch.int16)


class Table(nn.Module):
    """A function as its table: forward the entries, backward the function's own slope.

    The table is kept in files: another machine's exp may differ by the last bit of a float64.

    Args:
        node: The function.
        source: Format of its source.
        out: Format of its result.
        rounding: The tie rule of the network.
    """

    codes: Tensor

    def __init__(self, node: Lookup, source: Format, out: Format, rounding: Rounding) -> None:
        super().__init__()
        self.node, self.source, self.out = node, source, out
        self.register_buffer("codes", table_of(node, source, out, rounding))

    def forward(self, x: Tensor) -> Tensor:
        """Values on the grid of the result for values (N, C, H, W) on that of the source."""
        made: Tensor = _Entries.apply(x, self)  # type: ignore[no-untyped-call] # torch's own
        return made

    def entries(self, x: Tensor) -> Tensor:
        """As :meth:`forward`, without a slope."""
        index = (x * math.ldexp(1.0, self.source.frac)).round().long() - self.source.min
        return self.codes[index].to(x.dtype) * math.ldexp(1.0, -self.out.frac)


class _Entries(torch.autograd.Function):
    """Entries that have the slope of what they are entries of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Table) -> Tensor:
        ctx.save_for_backward(x)
        ctx.table = table
        return table.entries(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,), table = ctx.saved_tensors, ctx.table
        return table.node.slope(x, gradients[0], math.ldexp(1.0, -table.source.frac)), None


def _given(call: Call, takes: Mapping[str, Any]) -> dict[str, Any]:
    """What a call gives besides a tensor, by name; defaults for what it leaves out."""
    if call.module is not None:
        return {name: getattr(call.module, name) for name in takes}
    given = dict(zip(takes, call.node.args[1:], strict=False)) | dict(call.node.kwargs)
    others = given.keys() - {*takes, "inplace"}
    if others:
        raise call.refused(f"its argument {min(others)!r} is not supported; leave it out")
    given.pop("inplace", None)
    return {**takes, **given}
