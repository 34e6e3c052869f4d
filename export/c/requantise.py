"""Requantisation in C: one function a rule and width, and the expression that calls it (eq. 5, 44)."""

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from hwrts.export.c.codes import Stored
from hwrts.fixed_point import Network, Requantised, Rounding

_INT32 = 1 << 31


def rounding_functions(rules: set[tuple[Rounding, str]]) -> str:
    """Definitions of the shifts that a model needs, each of accumulators of a type by one bit or more."""
    ordered = sorted(rules, key=lambda each: (each[0].value, each[1]))
    return "\n".join(_function(rule, kind) for rule, kind in ordered)


def _function(rule: Rounding, kind: str) -> str:
    name, body = function_name(rule, kind), _body(rule, kind)
    return (
        f"/* acc / 2^shift, {rule.value}; shift is 1 or more */\n"
        f"static inline {kind} {name}({kind} acc, int32_t shift)\n{{\n{body}}}\n"
    )


def function_name(rule: Rounding, kind: str) -> str:
    """What the shift of a rule is called."""
    return f"shift_{rule.value}_{kind.removesuffix('_t')}"


def _body(rule: Rounding, kind: str) -> str:
    half = f"(({kind})1 << (shift - 1))"
    match rule:
        case Rounding.FLOOR:
            return "    return acc >> shift;\n"
        case Rounding.HALF_UP:
            return f"    return (acc + {half}) >> shift;\n"
        case Rounding.HALF_EVEN:
            return f"    return (acc + ({half} - 1) + ((acc >> shift) & 1)) >> shift;\n"
        case Rounding.HALF_AWAY:
            return f"    return (acc + {half} - (acc < 0 ? 1 : 0)) >> shift;\n"
        case Rounding.DOUBLE:
            return (
                f"    const {kind} first = (acc + 1) >> 1;\n"
                f"    const {kind} half = (({kind})1 << (shift - 1)) >> 1;\n"
                "    return (first + half - (shift > 1 && first < 0 ? 1 : 0)) >> (shift - 1);\n"
            )
        case _:
            assert_never(rule)


@dataclass(frozen=True)
class Requantiser:
    """What is done to the accumulators of a layer.

    Attributes:
        out: What is stored.
        kind: The type of C that holds them, with what a rule adds.
        rule: The tie rule.
        shifts: Bits that are dropped, one number or one per channel.
    """

    out: Stored
    kind: str
    rule: Rounding
    shifts: tuple[int, ...]

    @classmethod
    def of(cls, network: Network, layer: Requantised) -> "Requantiser":
        """Of a layer of a network."""
        shift = np.atleast_1d(layer.shift(*network.formats_of(layer.sources)))
        if (shift == shift[0]).all():
            shift = shift[:1]
        bounds, rule = network.bounds[layer.name], network.rule_of(layer)
        reach = int(np.maximum(np.maximum(bounds.highest, -bounds.lowest), bounds.partial_sum).max())
        half = (1 << int(max(shift.max() - 1, 0))) + 1
        left = reach << int(max(-shift.min(), 0))
        kind = "int32_t" if max(reach + half, left) < _INT32 else "int64_t"
        return cls(Stored(network.formats[layer.name]), kind, rule, tuple(int(each) for each in shift))

    @property
    def uniform(self) -> bool:
        """Whether all channels drop the same bits."""
        return len(self.shifts) == 1

    @property
    def needs(self) -> set[tuple[Rounding, str]]:
        """The functions that :meth:`code` calls."""
        return {(self.rule, self.kind)} if max(self.shifts) > 0 else set()

    def code(self, acc: str, shift: str) -> str:
        """The expression of a code before it is clamped.

        Args:
            acc: An expression of the accumulator, which may be read more than once.
            shift: One of the shift, where there is one per channel.
        """
        call = function_name(self.rule, self.kind)
        if self.uniform:
            (drop,) = self.shifts
            if drop > 0:
                return f"{call}({acc}, {drop})"
            return f"{acc} * {1 << -drop}" if drop < 0 else acc
        if min(self.shifts) > 0:
            return f"{call}({acc}, {shift})"
        left = f"{acc} * (({self.kind})1 << (-{shift}))"
        if max(self.shifts) <= 0:
            return left
        left = f"{acc} * (({self.kind})1 << ({shift} < 0 ? -{shift} : 0))"
        return f"({shift} > 0 ? {call}({acc}, {shift}) : {left})"

    def stored(self, value: str) -> str:
        """The expression that is stored of a variable that holds a code before it is clamped."""
        low, high = self.out.form.min, self.out.form.max
        clamped = f"({value} < {low} ? {low} : {value} > {high} ? {high} : {value})"
        return self.out.keep(clamped)
