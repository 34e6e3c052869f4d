"""Budgets: the most that a network may cost, in the units that ``hwrts cost`` counts."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from hwrts.config.section import Section
from hwrts.cost.modes import Place
from hwrts.errors import ConfigError
from hwrts.files.read import LARGEST

COSTS = {
    "params": "weights, biases and slopes",
    "weight_kib": "KiB of the weights, each layer at its width",
    "macs": "multiply-accumulates per output pixel",
    "gmacs": "10^9 multiply-accumulates per second at the video mode",
    "line_kib": "KiB of line memory at the video mode",
    "traffic_gbs": "10^9 bytes per second of activations at the video mode, layer by layer",
    "latency_lines": "input rows before the first output row",
    "receptive_field": "side of the square of input pixels behind an output pixel",
    "accumulator_bits": "width of the widest accumulator, for any weights",
    "multipliers": "multipliers of the circuit at the video mode and clock",
    "kgates": "10^3 gate equivalents of these, with their sums and registers",
}
"""Units that budgets and plots are in: docs/cost.md."""

LATER_COSTS = ("multipliers", "kgates")
"""Those of a circuit, which sweeps of before did not count."""


class Limits(Section):
    """The most that a network may cost, in units of COSTS, and the video mode that some of them are for."""

    mode: str = Field("2160p60", description="video mode, such as 2160p60 or 3440x1440@100")
    at: Place = Field("output", description="whether the mode is the network's input or its output picture")
    clock_mhz: float = Field(600.0, gt=0, description="clock of the circuit, for multipliers and kgates")
    at_most: dict[str, float] = Field({}, description="budget by unit, such as params = 30000")

    @field_validator("at_most", mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        unknown = [key for key in values if key not in COSTS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no unit of cost; use {', '.join(COSTS)}")
        return {key: parse_amount(value) for key, value in values.items()}


def parse_budget(text: str) -> dict[str, float]:
    """A budget on the command line.

    Raises:
        ConfigError: Not ``unit=number``, separated by commas, or an unknown unit.

    >>> parse_budget("params=30k,line_kib=256")
    {'params': 30000.0, 'line_kib': 256.0}
    """
    found = {}
    for part in text.split(","):
        unit, equals, amount = part.strip().partition("=")
        if not equals or unit not in COSTS:
            raise ConfigError(
                f"--budget {text!r}: write unit=number with commas between, such as params=30k,line_kib=256; "
                f"units: {', '.join(COSTS)}"
            )
        try:
            found[unit] = parse_amount(amount)
        except ValueError as error:
            raise ConfigError(f"--budget {text!r}: {error}") from error
    return found


def in_words(unit: str, number: float) -> str:
    """A cost in a message.

    >>> in_words("params", 30000.0)
    'params 30,000'
    """
    return f"{unit} {number:,.5g}" if number < LARGEST else f"no circuit to count {unit} of"


def parse_amount(value: Any) -> float:
    """A positive number, or one as text with k, M or G behind it.

    Raises:
        ValueError: It is none.

    >>> parse_amount("1.5M"), parse_amount(256)
    (1500000.0, 256.0)
    """
    factors = {"k": 1e3, "M": 1e6, "G": 1e9}
    try:
        if isinstance(value, str) and value[-1:] in factors:
            amount = float(value[:-1]) * factors[value[-1]]
        else:
            amount = float(value)
    except (TypeError, ValueError, OverflowError):
        amount = math.nan
    if isinstance(value, bool) or not 0 < amount < math.inf:
        raise ValueError(f"{value!r} is no amount; give a number above 0, such as 30000, 30k or 1.5M")
    return amount


def over_budget(numbers: Mapping[str, float], limits: Limits) -> dict[str, float]:
    """By how much of the budget each limited unit is off, positive above it.

    >>> over_budget({"params": 45000.0}, Limits(at_most={"params": 30000}))
    {'params': 0.5}
    """
    return {unit: numbers[unit] / most - 1 for unit, most in limits.at_most.items()}
