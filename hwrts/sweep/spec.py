"""What a sweep varies, what it may cost and how it is searched: sweep.toml, as strict as a run's settings."""

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

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
"""Those that sweeps of before did not count."""

HEAD = "head"
"""The axis that is no setting of a run: which network is deployed, "x2" or "same-size"."""

DEFAULT_AXES: dict[str, list[Any]] = {
    "network.blocks": [0, 1, 2, 3, 4],
    "network.channels": [8, 16, 24, 32],
    "qat.weight_bits": [4, 6, 8],
}
"""What ``hwrts sweep --budget`` varies without a file: Residual-N, its depth, width and weight bits."""


FIXED = (
    "data.train",
    "data.val",
    "data.val_fraction",
    "data.strict",
    "data.max_megapixels",
    "device",
    "qat.same_size",
    "rts.score",
)
"""Settings that are no axes: the photographs are the sweep's, the rest follows from head and quality."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Limits(_Section):
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


class Search(_Section):
    """How configurations are chosen."""

    method: Literal["auto", "grid", "tpe", "nsga2"] = Field(
        "auto", description="auto: the whole grid up to 100 configurations, else nsga2"
    )
    trials: int = Field(60, ge=1, le=100_000, description="configurations that tpe or nsga2 may try")
    seed: int = Field(0, ge=0, lt=2**31, description="of the sampler")


class Halving(_Section):
    """Successive halving: every configuration is trained shortly, the promising ones go on.

    Fine-tuning is not shortened.

    Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, 2016.
    """

    rungs: int = Field(2, ge=1, le=5, description="how often it is measured; 1 trains everything to the end")
    factor: int = Field(
        3, ge=2, le=10, description="each rung keeps one in so many, with so many times the float steps"
    )


class SweepSpec(_Section):
    """A whole sweep."""

    axes: dict[str, list[Any]] = Field(
        DEFAULT_AXES, description="values by dotted setting, such as network.channels; or head"
    )
    base: dict[str, Any] = Field({}, description="settings of every run, as in config.toml")
    budget: Limits = Limits()
    search: Search = Search()
    halving: Halving = Halving()
    quality: Literal["psnr", "score"] = Field(
        "psnr", description="what is best: x2 PSNR against the original, or VIQET's raw score of HRn"
    )
    cost: str = Field("params", description="what quality is set against when the sampler chooses")

    @field_validator("axes")
    @classmethod
    def _axes(cls, axes: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if not axes or any(not values for values in axes.values()):
            raise ValueError("give at least one axis, each with at least one value")
        for name, values in axes.items():
            if len({repr(value) for value in values}) != len(values):
                raise ValueError(f"{name} has a value twice")
        fixed = [name for name in axes if name in FIXED]
        if fixed:
            raise ValueError(f"{fixed[0]} cannot vary within a sweep; set it in base, or make two sweeps")
        wrong = [value for value in axes.get(HEAD, []) if value not in ("x2", "same-size")]
        if wrong:
            raise ValueError(f"head {wrong[0]!r}: use x2 or same-size")
        return axes

    @field_validator("cost")
    @classmethod
    def _cost(cls, name: str) -> str:
        if name not in COSTS:
            raise ValueError(f"{name!r} is no unit of cost; use {', '.join(COSTS)}")
        return name


def parse_spec(document: dict[str, Any], where: str) -> SweepSpec:
    """Check a nested dictionary, such as sweep.toml holds.

    Raises:
        ConfigError: An entry is unknown or not allowed.
    """
    try:
        return SweepSpec.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(SweepSpec.model_fields if len(first["loc"]) == 1 else _fields(first["loc"][0]))
            raise ConfigError(f"{where}: unknown key {key!r:.80}; known keys here: {known}") from error
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{where}: {key:.80} = {first['input']!r:.80} is not allowed: {reason:.300}"
        ) from error


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


def _fields(section: int | str) -> list[str]:
    model = SweepSpec.model_fields[str(section)].annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
