"""Functions of a single value: in integers a table of one entry for each code, made here, once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, fx, nn

from hwrts import fixed_point
from hwrts.files.read import LARGEST
from hwrts.fixed_point import Format, Rounding
from hwrts.graph.operators.call import Call
from hwrts.graph.operators.functions import (
    ABOVE_ZERO,
    CHANGING_SIGN,
    OWN_NAMES,
    POSITIVE,
    RISING,
    SINGULAR,
    SMALLEST,
    SPELLED,
    TAKES,
    VALUES,
    Name,
)
from hwrts.graph.operators.lookup_table import Table, table_of
from hwrts.graph.operators.operator import Operator
from hwrts.graph.operators.scale import OVER
from hwrts.graph.widths import Widths

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


@dataclass(frozen=True)
class Lookup(Operator):
    """A function of each value.

    Attributes:
        function: Which one.
        alpha: What an ELU or CELU falls toward, negated.
        beta: How sharply a softplus bends.
        threshold: From where on, in values times beta, a softplus is taken for its straight line; of a
            Threshold the largest value that is replaced; of a comparison what it compares with.
        numerator: What a reciprocal is multiplied by.
        exponent: Of a power.
        lambd: Up to which magnitude a shrinkage leaves 0.
        replaced: What a Threshold has in the place of what is too small.
        low: What its source never falls below, by what makes it; None if nothing says so. A code that is
            smaller by rounding has the entry of that value.
    """

    MODULES = tuple(each for each in SPELLED if isinstance(each, type))
    FUNCTIONS = (*(each for each in SPELLED if not isinstance(each, type)), *OVER)
    SPELLED = (
        "Sigmoid, Tanh, GELU, SiLU, Hardswish, Hardsigmoid, ELU, SELU, CELU, Mish, Softplus, Softsign, "
        "LogSigmoid, Threshold, shrinkages, exp, log, sqrt, powers, 1 / x, abs, erf, sin, cos, sign, "
        "comparisons"
    )
    PARTS = "tables"
    TABLED = True

    sources: tuple[str]
    function: Name
    alpha: Number = 1.0
    beta: Annotated[float, Field(gt=0, le=LARGEST)] = 1.0
    threshold: Number = 20.0
    numerator: Number = field(default=1.0, metadata={"later": True})
    exponent: Number = field(default=2.0, metadata={"later": True})
    lambd: Annotated[float, Field(ge=0, le=LARGEST)] = field(default=0.5, metadata={"later": True})
    replaced: Number = field(default=0.0, metadata={"later": True})
    low: Number | None = field(default=None, metadata={"later": True})

    @classmethod
    def read(cls, call: Call) -> Self | None:
        """Any of their spellings."""
        if call.function in OVER:
            return cls._over(call)
        key = call.function or next(kind for kind in cls.MODULES if isinstance(call.module, kind))
        function = SPELLED[key]
        given = _given(call, TAKES.get(function, {}))
        if function == "gelu":
            if given["approximate"] not in ("none", "tanh"):
                raise call.refused(f"approximate={given['approximate']!r}; use 'none' or 'tanh'")
            return cls(call.name, call.sources(), "gelu" if given["approximate"] == "none" else "gelu_tanh")
        exponent = given.get("exponent")
        if isinstance(exponent, fx.Node) and call.constant(exponent) is None:
            raise call.refused(
                "takes an exponent that is a tensor; a power by a number is supported, and torch.exp"
            )
        numbers = {name: call.finite(value) for name, value in given.items()}
        least = {"beta": math.ulp(0.0), "lambd": 0.0}
        if any(not least.get(name, -LARGEST) <= number <= LARGEST for name, number in numbers.items()):
            raise call.refused(
                f"{numbers} leave what it can be: beta above 0, lambd not below, no number beyond {LARGEST:g}"
            )
        return cls(call.name, call.sources(), function, **numbers)

    @classmethod
    def _over(cls, call: Call) -> Self | None:
        """A number over a tensor; anything else over another is not its business."""
        given = call.node.args
        if call.node.kwargs or len(given) != 2 or not isinstance(given[1], fx.Node):
            return None
        held = call.constant(given[0])
        if isinstance(given[0], fx.Node) and (held is None or held.numel() != 1):
            return None
        number = call.finite(given[0])
        if not 0 < abs(number) <= LARGEST:
            raise call.refused(
                f"the number {number:g} over a tensor is not supported; use one up to {LARGEST:g}"
            )
        return cls(call.name, (call.tensor(given[1]),), "reciprocal", numerator=number)

    def value(self, *xs: Tensor) -> Tensor:
        """Torch's own."""
        takes = [name for name in TAKES.get(self.function, ()) if name in vars(self)]
        return VALUES[self.function](xs[0], *(getattr(self, name) for name in takes))

    @property
    def _singular(self) -> bool:
        """Whether it is infinite, or infinitely steep, at 0."""
        return self.function in SINGULAR and not (self.function == "power" and self.exponent >= 1)

    @property
    def needs_low(self) -> bool:
        """Whether it has values above 0 alone, or above -1."""
        return self._singular or self.function == "log1p"

    @property
    def has_pole(self) -> bool:
        """Whether it is infinite at 0, not steep alone."""
        return (
            self._singular
            and self.function != "sqrt"
            and not (self.function == "power" and self.exponent > 0)
        )

    def read_as(self, x: Tensor, lsb: float) -> Tensor:
        """What a code is taken for: its value, or the least that its source can be.

        Code 0 stands for all up to half an LSB; beside a pole it is taken for their middle.
        """
        if self.low is None:
            return x
        near = self.has_pole and self.low > 0
        return x.clamp(min=max(self.low, lsb / 4) if near else self.low)

    def slope(self, x: Tensor, gradient: Tensor, source: Format, out: Format) -> Tensor:
        """Gradient times the function's own slope, at values of a source onto a format of the result."""
        lsb = math.ldexp(1.0, -source.frac)
        x = self.read_as(x.detach(), lsb)
        if self._singular:  # at 0 there is no slope: half an LSB is where the next code begins
            x = x.clamp(min=lsb / 2)
        with torch.enable_grad():
            x = x.requires_grad_()
            y = self.value(x)
            (found,) = torch.autograd.grad(y, x, gradient)
        if self._singular:  # or one saturated entry beside a pole would outweigh all others
            codes = y.detach() * math.ldexp(1.0, out.frac)
            found = torch.where((codes > out.max + 0.5) | (codes < out.min - 0.5), 0, found)
        return found

    def non_negative(self, sources: bool) -> bool:
        """Some always, most others if their source is."""
        turned = self.numerator < 0 or self.replaced < 0
        even = self.function == "power" and self.exponent % 2 == 0
        kept = sources and self.function not in CHANGING_SIGN and not turned
        return kept or even or self.function in POSITIVE

    def lowest(self, *sources: float) -> float:
        """Of what rises, its value there; of what is always above zero, a number above zero."""
        (low,) = sources
        found = -math.inf
        if self.function in RISING:
            found = float(self.value(torch.tensor(low, dtype=torch.float64)).nan_to_num(nan=-math.inf))
        elif self.function == "abs" or (self.function == "power" and self.exponent > 0):
            found = float(self.value(torch.tensor(max(low, 0.0), dtype=torch.float64)))
        return max(found, SMALLEST) if self.function in ABOVE_ZERO else found

    def knowing(self, *lows: float) -> Self:
        """Of a function that has no value at 0, asked only for what is in front of it."""
        (low,) = lows
        if not self.needs_low or low == -math.inf:
            return self
        return replace(self, low=max(low, -math.inf if self.low is None else self.low))

    def part(self, formats: Mapping[str, Format], widths: Widths | None, rounding: Rounding) -> nn.Module:
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


def _given(call: Call, takes: Mapping[str, Any]) -> dict[str, Any]:
    """What a call gives besides a tensor, by name; defaults for what it leaves out."""
    names = {OWN_NAMES.get(name, name): name for name in takes}  # torch's to ours
    if call.module is not None:
        return {ours: getattr(call.module, name) for name, ours in names.items()}
    given = dict(zip(names, call.node.args[1:], strict=False)) | dict(call.node.kwargs)
    given.pop("inplace", None)
    given.pop("input", None)
    others = given.keys() - names.keys()
    if others:
        raise call.refused(f"its argument {min(others)!r} is not supported; leave it out")
    return {**takes, **{names[name]: value for name, value in given.items()}}
