"""The configurations of a sweep: settings, what each costs before anything is trained, and its key."""

import copy
import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hwrts.config import RunConfig
from hwrts.config.network import LUMA_SETTINGS
from hwrts.cost.network import Form, in_form
from hwrts.errors import ConfigError
from hwrts.graph import Graph
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import check_settings
from hwrts.networks.build import build_network
from hwrts.runs.budget import network_costs
from hwrts.runs.overruled import overruled
from hwrts.runs.teacher import teacher_identity
from hwrts.settings_file import BEFORE, parse_config, set_entry
from hwrts.sweep.spec import HEAD, PRUNED_FROM, SweepSpec

GRID_LIMIT = 100
"""Largest space that ``method = "auto"`` tries whole."""

KEY_DIGITS = 12
"""Hexadecimal digits of a key: 48 bits, enough for any sweep."""


_DECIDING = (
    HEAD,
    "rts.stages",
    "rts.epochs",
    "rts.stop",
    "rts.teacher",
    "rts.teacher_share",
    "degradation.lr_jpeg",
    "qat.steps",
    "qat.same_size_steps",
    "qat.activation_bits",
    "qat.hidden_bits",
    "qat.exact_additions",
)
"""Axes by which others have an effect or not (`hwrts.runs.overruled`)."""


@dataclass(frozen=True)
class Candidate:
    """One point of the space.

    Attributes:
        values: Its values by axis.
        config: Settings of a training to the end.
        head: The network that is deployed and counted: "x2" or "same-size".
        pruned_from: Channels of the wider network that it is pruned from; 0 for none.
    """

    values: dict[str, Any]
    config: RunConfig
    head: str
    pruned_from: int = 0

    def key(self, photographs: str) -> str:
        """Hash of the settings and the photographs: equal keys are the same trial."""
        return _hash(photographs, self.head, self._settings(), *self._way)

    def float_key(self, photographs: str) -> str:
        """Hash of what the float training depends on; quantisations of one float network share it."""
        settings = self._settings()
        settings["network"].pop("chroma", None)  # of pictures that are enlarged, and not of what is learnt
        # Of all that is quantised, the width of pixels alone is seen by photographs and targets.
        pixels = {k: v for k, v in settings.pop("qat").items() if k == "pixel_bits"}
        return _hash(photographs, settings | ({"qat": pixels} if pixels else {}), *self._way)

    @property
    def _way(self) -> tuple[int, ...]:
        """What keys know of pruning; of none nothing, as before there was any."""
        return (self.pruned_from,) if self.pruned_from else ()

    def _settings(self) -> dict[str, Any]:
        settings = self.config.model_dump(mode="json")
        if not self.config.rts.taught:  # a share of nothing, or a teacher that is not listened to
            settings["rts"] |= {"teacher": None, "teacher_share": BEFORE["rts"]["teacher_share"]}
        for table, choices in BEFORE.items():  # what every sweep did before there was a choice
            for name, before in choices.items():
                if settings[table][name] == before:
                    del settings[table][name]
        if self.config.rts.taught:
            settings["teacher"] = teacher_identity(self.config)
        return {key: value for key, value in settings.items() if key not in ("data", "device")} | {
            "crops": [settings["data"]["patch"], settings["data"]["crops_per_image"]]
        }


def size_of(spec: SweepSpec) -> int:
    """How many points the space has."""
    return math.prod(len(values) for values in spec.axes.values())


def method_of(spec: SweepSpec) -> str:
    """How the space is searched: "grid", "nsga2" or "tpe"."""
    if spec.search.method != "auto":
        return spec.search.method
    return "grid" if size_of(spec) <= GRID_LIMIT else "nsga2"


def wanted(spec: SweepSpec) -> int:
    """How many configurations are looked at in all."""
    return size_of(spec) if method_of(spec) == "grid" else spec.search.trials


def points(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Values by axis of every point of the space.

    The axes of quantisation vary slowest: neighbours differ in their float networks, so that workers do not
    wait for each other's.
    """
    names = sorted(spec.axes, key=lambda name: not (name == HEAD or name.startswith("qat.")))
    for values in itertools.product(*(spec.axes[name] for name in names)):
        found = dict(zip(names, values, strict=True))
        yield {name: found[name] for name in spec.axes}


def candidate(spec: SweepSpec, values: dict[str, Any]) -> Candidate:
    """A point of the space as settings.

    Raises:
        ConfigError: An axis that is no setting, a value that is not allowed, a network without the form, or
            a teacher of other pictures.
        RunFolderError: A teacher that is not there.
    """
    document = copy.deepcopy(spec.base)
    head = str(values.get(HEAD, "x2"))
    for name, value in values.items():
        if name not in (HEAD, PRUNED_FROM):
            set_entry(document, name, value, "sweep: base")
    if values.get("network.colour") == "rgb":  # beside luma: what is of luma alone says nothing of these
        for setting in LUMA_SETTINGS:
            document["network"].pop(setting, None)
    set_entry(document, "qat.same_size", head == "same-size", "sweep: base")
    set_entry(document, "rts.score", spec.quality == "score", "sweep: base")
    if spec.quality == "psnr" and "stages" not in document["rts"]:
        document["rts"]["stages"] = 1  # later stages move away from the original by design
    shown = ", ".join(f"{name} = {value}" for name, value in values.items())
    config = parse_config(document, f"sweep ({shown})")
    if config.rts.stages == "auto":
        raise ConfigError(
            'sweep: rts.stages = "auto" trains networks differently; give a number, or several as an axis'
        )
    if config.rts.epochs is not None and spec.halving.rungs > 1:
        raise ConfigError(
            "sweep: rts.epochs cannot be divided into rungs; give rts.first_steps and rts.steps"
        )
    if spec.quality == "psnr" and head == "same-size":
        raise ConfigError(
            'sweep: a same-size network has no x2 PSNR; use quality = "score", or head = ["x2"]'
        )
    if config.rts.taught:
        teacher_identity(config)
    wide = int(values.get(PRUNED_FROM, 0))
    if wide:
        _check_wide(wide, config, document, f"sweep ({shown})")
    return Candidate(values, config, head, wide)


def _check_wide(wide: int, config: RunConfig, document: dict[str, Any], where: str) -> None:
    """Refuse a number of channels to prune from that is of no wider network.

    Raises:
        ConfigError: It is not wider, or the network cannot have so many.
    """
    if config.network.widths:
        raise ConfigError(f"{where}: {PRUNED_FROM} makes the widths itself; leave network.widths out")
    if wide <= config.network.channels:
        raise ConfigError(
            f"{where}: {PRUNED_FROM} is not wider than network.channels = {config.network.channels}; "
            "give more, or 0 for a training from the start"
        )
    wider = copy.deepcopy(document)
    set_entry(wider, "network.channels", wide, where)
    parse_config(wider, f"{where}: {PRUNED_FROM} = {wide}")


def check_axes(spec: SweepSpec) -> None:
    """Refuse an axis that changes nothing: every trial of it would be the same network.

    Raises:
        ConfigError: Names the axis and the setting that leaves it without effect.
    """
    several = spec.model_copy(
        update={"axes": {name: v if name in _DECIDING else v[:1] for name, v in spec.axes.items()}}
    )
    found = []
    for values in points(several):
        try:
            found.append(candidate(spec, values).config)
        except ConfigError:
            continue  # what is no network is left out, or refused, where it is tried
    for name in spec.axes:
        reasons = [overruled(name, config) for config in found]
        if reasons and all(reasons):
            raise ConfigError(f"sweep: axis {name} would change nothing: {reasons[0]}")


def deployed(candidate: Candidate) -> Graph:
    """The network that is counted.

    Raises:
        HwrtsError: It has no such form.
    """
    form: Form = "same-size" if candidate.head != "x2" else "x2"
    config = candidate.config
    return in_form(
        trace(build_network(config.network).eval()), form, config.qat.pixel_bits, config.qat.skip_bits
    )


def costs_of(candidate: Candidate, spec: SweepSpec) -> dict[str, float]:
    """As :func:`.network_costs`; those of the circuit only where the budget asks for them, or is kept.

    Raises:
        HwrtsError: The network has no such form.
        ConfigError: An unknown video mode, or widths of layers that it does not have.
    """
    config = candidate.config
    check_settings(config.network, config.qat)
    return network_costs(deployed(candidate), config.qat, spec.budget, asked={spec.cost})


def _hash(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
