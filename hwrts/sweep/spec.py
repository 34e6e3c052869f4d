"""What a sweep varies, what it may cost and how it is searched: sweep.toml, as strict as a run's settings."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hwrts.cost.budget import COSTS, Limits
from hwrts.errors import ConfigError

HEAD = "head"
"""The axis that is no setting of a run: which network is deployed, "x2" or "same-size"."""

PRUNED_FROM = "pruned_from"
"""The other one: channels of a wider network that half of the first steps train, before those that it needs
least go; 0 trains the network itself from its start."""

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
        wrong = [n for n in axes.get(PRUNED_FROM, []) if type(n) is not int or n < 0]
        if wrong:
            raise ValueError(f"{PRUNED_FROM} {wrong[0]!r}: use a number of channels, or 0 for none")
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


def _fields(section: int | str) -> list[str]:
    model = SweepSpec.model_fields[str(section)].annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
