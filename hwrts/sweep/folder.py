"""The folder of a sweep: what it is for, the configurations that fit, and what is finished."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from hwrts.config import RunConfig
from hwrts.config.network import LUMA_SETTINGS
from hwrts.cost.budget import COSTS, LATER_COSTS, Limits
from hwrts.errors import RunFolderError
from hwrts.files.atomic import clear_temporaries, clear_temporaries_of
from hwrts.files.lock import clear_lock
from hwrts.files.new_folder import make_folder
from hwrts.files.read import LARGEST, Document, Text, read_document, read_versioned
from hwrts.runs.folder import is_occupied, write_json
from hwrts.settings_file import BEFORE, with_defaults
from hwrts.sweep.spec import SweepSpec, parse_spec
from hwrts.sweep.trial import RESULT, read_trial, trial_folder

SWEEP = "sweep.json"
SCHEMA = "hwrts sweep"
SCHEMA_VERSION = 2
"""1 shortened fine-tuning at early rungs."""

_AGAIN = "delete it, and the same hwrts sweep makes it again"


class SweepFile(Document):
    """sweep.json."""

    spec: dict[Text, Any]
    photographs: Text
    teachers: dict[Text, dict[Text, Text]] = Field({})
    promoted: dict[Text, list[Text]] = Field({})
    # not in folders from before there were such choices
    defaults: dict[Text, dict[Text, Any]] | None = None


class _Costs(Document):
    """Amounts by unit."""

    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0, le=LARGEST)]]

    @model_validator(mode="after")
    def _check_units(self) -> "_Costs":
        found = (self.__pydantic_extra__ or {}).keys() | LATER_COSTS
        missing = [unit for unit in COSTS if unit not in found]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        return self


class ConfigurationFile(Document):
    """configurations/KEY.json."""

    key: Text
    values: dict[Text, int | float | Text | list[Any] | dict[Text, Any]]
    costs: _Costs


def claim(
    root: Path, spec: SweepSpec, photographs: str, teachers: dict[str, dict[str, str]] | None = None
) -> SweepSpec:
    """Make the folder for this sweep, or see that it was made for it; returns the sweep as it goes on there.

    Args:
        root: The folder.
        spec: The sweep.
        photographs: Hash of the photographs.
        teachers: By folder, and then by stage, hashes of the weights of those that networks are taught by;
            none: nobody is.

    Raises:
        RunFolderError: It holds another sweep, or something else.
    """
    teachers = teachers or {}
    settings = {"spec": spec.model_dump(mode="json"), "photographs": photographs, "teachers": teachers}
    path = root / SWEEP
    if path.is_file():
        before = read_versioned(path, SweepFile, SCHEMA, SCHEMA_VERSION)
        before["spec"] = _with_clock(before["spec"])
        before["teachers"] = _of_stages(before.get("teachers", {}), teachers)
        for key, what in (
            ("spec", "sweep file or budget"),
            ("photographs", "set of photographs"),
            ("teachers", "teacher's weights"),
        ):
            if before.get(key) != settings[key]:
                raise RunFolderError(
                    f"{root}: was made with another {what}; use the same, or another folder with -o"
                )
        for folder in (root, root / "configurations"):  # those of trials are their own, some may be running
            clear_temporaries(folder, below=False)
        for lock in root.glob("trials/*/.rung*.lock"):  # killed between a trial's result and its lock's end
            clear_lock(lock.with_name(lock.name[1:].removesuffix(".lock")))
        return _going_on(spec, before)
    clear_temporaries_of(path)
    if is_occupied(root):
        raise RunFolderError(f"{root}: is not a sweep's folder; choose another one with -o")
    make_folder(root, "choose another one with -o")
    settings["defaults"] = _defaults()
    write_json(path, {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **settings})
    return _going_on(spec, settings)


def _of_stages(
    before: dict[str, dict[str, str]], now: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """What is known of teachers, without stages that nobody is taught by; older folders have those too."""
    return {
        name: {number: digest for number, digest in stages.items() if number in now.get(name, stages)}
        for name, stages in before.items()
    }


def _with_clock(spec: dict[str, Any]) -> dict[str, Any]:
    """A sweep's settings, also of one from before budgets had a clock."""
    budget = spec.get("budget")
    return spec | {"budget": {"clock_mhz": Limits().clock_mhz} | budget} if isinstance(budget, dict) else spec


_OF_LUMA = ("colour", *LUMA_SETTINGS)
"""Settings whose default was in effect before, but where an old name of a network says luma."""


def _going_on(spec: SweepSpec, document: dict[str, Any]) -> SweepSpec:
    """A sweep with the settings that were the default when its folder was made, where it names none."""
    defaults = document.get("defaults")
    if defaults is None:
        defaults = {
            table: {key: value for key, value in before.items() if key not in _OF_LUMA}
            for table, before in BEFORE.items()
        }
    return spec.model_copy(update={"base": with_defaults(spec.base, defaults)})


def _defaults() -> dict[str, dict[str, Any]]:
    """Today's values of the settings that came later, but of those that the network's name decides."""
    today = RunConfig().model_dump(mode="json")
    return {
        table: {key: today[table][key] for key in before if key not in ("keeps", *_OF_LUMA)}
        for table, before in BEFORE.items()
    }


def open_sweep(root: Path) -> tuple[SweepSpec, dict[str, Any]]:
    """The settings of a sweep's folder, and sweep.json.

    Raises:
        RunFolderError: There is none.
    """
    if not (root / SWEEP).is_file():
        raise RunFolderError(f"{root}: is not a sweep's folder (no {SWEEP}); hwrts sweep makes one")
    document = read_versioned(root / SWEEP, SweepFile, SCHEMA, SCHEMA_VERSION)
    return _going_on(parse_spec(document["spec"], str(root / SWEEP)), document), document


def finished(root: Path, key: str, rung: int) -> dict[str, Any] | None:
    """What a trial gave at a rung, if it is finished."""
    path = trial_folder(root, key, rung) / RESULT
    return read_trial(path) if path.is_file() else None


def entries(root: Path) -> list[dict[str, Any]]:
    """Every configuration within the budget that was looked at: key, values and costs."""
    axes = set(open_sweep(root)[0].axes)
    found = []
    for path in sorted((root / "configurations").glob("*.json")):
        entry = read_document(path, ConfigurationFile, _AGAIN)
        if entry["key"] != path.stem or set(entry["values"]) != axes:
            raise RunFolderError(f"{path}: damaged, it is of another configuration; {_AGAIN}")
        uncounted = {unit: LARGEST for unit in LATER_COSTS if unit not in entry["costs"]}  # within no limit
        found.append(entry | {"costs": entry["costs"] | uncounted})
    return found


def save_entry(root: Path, entry: dict[str, Any]) -> None:
    """Keep a configuration that is within the budget: key, values and costs."""
    folder = root / "configurations"
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{entry['key']}.json", entry)


def save_promoted(root: Path, rung: int, keys: list[str]) -> None:
    """Keep which trials were chosen for a rung."""
    document = read_versioned(root / SWEEP, SweepFile, SCHEMA, SCHEMA_VERSION)
    document["promoted"] = {**document.get("promoted", {}), str(rung): keys}
    write_json(root / SWEEP, document)
