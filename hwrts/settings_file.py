"""Settings from outside: TOML read, checked and written, and single entries set by their dotted names."""

import re
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from hwrts.config import RunConfig
from hwrts.config.network import OLD_NAMES
from hwrts.errors import ConfigError, did_you_mean
from hwrts.fixed_point.stored import MAX_DEPTH, read_file

MAX_BYTES = 1 << 20
"""Of a file of settings: a thousand times what one needs."""

_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MAX_DEPTH}}}", re.MULTILINE)
"""A key that is looked for because tomllib takes minutes for one of 50,000 parts."""


def load_config(path: Path) -> RunConfig:
    """Read the settings of a run, which name every setting of its time; errors as in :func:`parse_config`."""
    return parse_config(as_before(read_toml(path)), str(path))


def is_record(document: dict[str, Any]) -> bool:
    """Whether settings name all that every run writes: then a run wrote them, wherever the file is now."""

    def names(model: type[BaseModel], found: Any, later: Iterable[str]) -> bool:
        return isinstance(found, dict) and all(
            name in found
            for name, field in model.model_fields.items()
            if field.default is not None and name not in later
        )

    tables = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    return names(RunConfig, document, ()) and all(
        names(model, document[name], BEFORE.get(name, {}))
        for name, model in tables.items()
        if isinstance(model, type) and issubclass(model, BaseModel)
    )


BEFORE: dict[str, dict[str, Any]] = {
    "degradation": {
        "read_noise": 0.0,
        "shot_noise": 0.0,
        "lr_jpeg": "none",
        "lr_jpeg_times": [0, 2],  # without a JPEG this says nothing, nor does the next
        "lr_subsampling": "either",
        "versions": 1,
    },
    "network": {
        "expand": 1,
        "keeps": "nothing",
        "padding": "zero",
        "widths": {},
        "colour": "rgb",
        "matrix": None,
        "range": None,
        "chroma": None,
    },
    "rts": {"bound_targets": False, "loss": "squared", "teacher": None, "teacher_share": 0.5},
    "qat": {
        "settle": False,
        "exact_additions": False,
        "one_weight_grid": False,
        "accumulator_bits": None,
        "layer_accumulator_bits": {},
        "pixel_bits": 8,
        "hidden_bits": None,
        "skip_bits": 8,
    },
}
"""Settings that runs were made with before there was a choice; theirs are written complete, these are not.
A later setting is added with what was in effect, or the trials of older sweeps are not found again."""


def as_before(document: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run with those that came later, which they do not name, as they were in effect before."""
    network = document.get("network")
    if isinstance(network, dict) and network.get("name") in list(OLD_NAMES):
        document = document | {"network": {"colour": "luma"} | network}
    return with_defaults(document, BEFORE)


def with_defaults(document: dict[str, Any], defaults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Settings with those of ``defaults`` that they do not name; what is no table is left for its error."""
    document = dict(document)
    for table, values in defaults.items():
        if isinstance(document.get(table, {}), dict):
            document[table] = values | document.get(table, {})
    return document


def parse_config(document: dict[str, Any], where: str, flags: Mapping[str, str] | None = None) -> RunConfig:
    """Check a nested dictionary of settings; missing ones take their defaults.

    Args:
        document: The settings.
        where: What they are from, for the message.
        flags: Those that came from the command line: its flags by dotted key, to be named beside it.

    Raises:
        ConfigError: The first unknown key (with the nearest known one) or value that is not allowed.
    """
    try:
        return RunConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = _key(first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{where}: unknown key {key!r:.80}; {_suggest(first['loc'])}") from error
        # Of a value of several kinds, such as a number or auto, each kind has an error of its own.
        same = [each["msg"] for each in error.errors() if _key(each["loc"]) == key]
        reason = ", or ".join([same[0], *(each.removeprefix("Input should be ") for each in same[1:])])
        reason = reason.replace("a valid tuple", "a list")  # what TOML calls it
        given = [flag for name, flag in (flags or {}).items() if f"{name}.".startswith(f"{key}.")]
        shown = f"{' '.join(given)} ({key})" if given else key
        value = "" if isinstance(first["input"], dict) else f" = {first['input']!r:.80}"
        which = f"{shown}{value} is not allowed: " if key else ""  # of two tables together: it names them
        raise ConfigError(
            f"{'command line' if given else where}: {which}{reason.removeprefix('Value error, ')}"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8")
        if _LONG_KEY.search(text):
            raise ValueError(f"a key of more than {MAX_DEPTH} parts")
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give a TOML file of settings"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML ({error}); mend it there") from error
    except RecursionError as error:
        raise ConfigError(
            f"{path}: not TOML of settings (nested too deeply); a setting is a number, a text, or a list"
        ) from error


def dump_toml(config: RunConfig) -> str:
    """The complete settings as TOML, each with what it is; :func:`load_config` reads an equal value back."""
    return "\n".join(["# Settings of hwrts run; allowed values: docs/settings.md", *_lines(config, ""), ""])


def _lines(section: BaseModel, path: str) -> list[str]:
    """A table's settings, and below them the tables in it, as TOML has to have them."""
    lines, tables = [], []
    for name, field in type(section).model_fields.items():
        value, words = getattr(section, name), _comment(field.description or "")
        if isinstance(value, BaseModel):
            about = _comment(type(value).__doc__ or "")
            tables += ["", *about, f"[{path}{name}]", *_lines(value, f"{path}{name}.")]
        elif isinstance(value, dict):
            tables += ["", *words, f"[{path}{name}]", *tomli_w.dumps(value).strip().split("\n")]
        elif value is None:
            lines += [*words, f"# {name} is not set"]
        else:
            lines += [*words, f"{name} = {toml_value(value)}"]
    return lines + tables


def toml_value(value: Any) -> str:
    """A value as TOML has it, on one line.

    >>> toml_value((40, 95)), toml_value("a b"), toml_value(3e-4)
    ('[40, 95]', '"a b"', '0.0003')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def set_entry(document: dict[str, Any], name: str, value: Any, where: str) -> None:
    """Set one entry of nested tables by its dotted name, such as "network.blocks".

    Raises:
        ConfigError: A part of the name is no table in the document.
    """
    *tables, last = name.split(".")
    if len(tables) >= MAX_DEPTH:
        raise ConfigError(
            f"{where}: {name[:40]}... is not allowed: a key of {len(tables) + 1} parts; use "
            f"{MAX_DEPTH} at most"
        )
    table = document
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: {part} = {table!r} is not allowed: write it as a table, [{part}]")
    table[last] = value


def _key(location: tuple[int | str, ...]) -> str:
    """The dotted name of a setting, without pydantic's names for the kinds of a union."""
    kinds = ("tuple", "literal", "int", "constrained-int", "float", "constrained-float")
    return ".".join(str(part) for part in location if not str(part).startswith(kinds))


def _suggest(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = RunConfig
    for part in location[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    known = list(model.model_fields)
    return did_you_mean(str(location[-1]), known) or f"known keys here: {', '.join(known)}"
