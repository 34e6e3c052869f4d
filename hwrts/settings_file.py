"""Settings as files: TOML read and written, and single entries set by their dotted names."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from hwrts.config import RunConfig, parse_config
from hwrts.errors import ConfigError
from hwrts.fixed_point.stored import MAX_DEPTH, read_file

MAX_BYTES = 1 << 20
"""Of a file of settings: a thousand times what one needs."""

_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MAX_DEPTH}}}", re.MULTILINE)
"""A key that is looked for because tomllib takes minutes for one of 50,000 parts."""


def load_config(path: Path) -> RunConfig:
    """Read the settings of a run, which name every setting of its time; errors as in :func:`parse_config`."""
    return parse_config(as_before(read_toml(path)), str(path))


BEFORE: dict[str, dict[str, Any]] = {
    "degradation": {
        "read_noise": 0.0,
        "shot_noise": 0.0,
        "lr_jpeg": "none",
        "lr_jpeg_times": [0, 2],  # without a JPEG this says nothing, nor does the next
        "lr_subsampling": "either",
        "versions": 1,
    },
    "network": {"keeps": "nothing", "padding": "zero"},
    "rts": {"bound_targets": False, "loss": "squared"},
}
"""Settings that runs were made with before there was a choice; theirs are written complete, these are not.
A later setting is added with what was in effect, or the trials of older sweeps are not found again."""


def as_before(document: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run with those that came later, which they do not name, as they were in effect before."""
    document = dict(document)
    for table, before in BEFORE.items():
        if isinstance(document.get(table, {}), dict):
            document[table] = before | document.get(table, {})
    return document


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
        raise ConfigError(f"{path}: not TOML ({error})") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not TOML of settings (nested too deeply)") from error


def dump_toml(config: RunConfig) -> str:
    """The complete settings as TOML that :func:`load_config` reads back to an equal value."""
    tables = config.model_dump(exclude_none=True)
    lines = [f"{key} = {_toml(value)}" for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def set_entry(document: dict[str, Any], name: str, value: Any, where: str) -> None:
    """Set one entry of nested tables by its dotted name, such as "network.blocks".

    Raises:
        ConfigError: A part of the name is no table in the document.
    """
    *tables, last = name.split(".")
    if len(tables) >= MAX_DEPTH:
        raise ConfigError(f"{where}: {name[:40]}... is not allowed: a key of {len(tables) + 1} parts")
    table = document
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: {part} = {table!r} is not allowed: write it as a table, [{part}]")
    table[last] = value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(entry)}" for key, entry in value.items()) + "}"
    # JSON scalars and lists are TOML, but for pairs of escapes beyond 16 bits, and DEL, which TOML escapes.
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
