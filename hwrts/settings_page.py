"""docs/settings.md, made of the settings themselves: ``make settings`` writes it."""

import sys
from typing import Any

from hwrts.config import RunConfig
from hwrts.settings_file import toml_value

_INTRODUCTION = """\
# Settings

Made from the settings themselves by `make settings`. `hwrts run my.toml` takes a file of any of them, flags
stand above it, and every run writes all of them into its `config.toml`, each with its sentence.
"""


def settings_page() -> str:
    """All settings of a run by table: name, default, what is allowed, what it is for."""
    schema = RunConfig.model_json_schema()
    parts = [_INTRODUCTION, *_table(schema["properties"])]
    for name, entry in schema["properties"].items():
        if "$ref" in entry:
            section = schema["$defs"][entry["$ref"].rpartition("/")[2]]
            parts += [f"\n## [{name}]\n\n{section['description']}\n", *_table(section["properties"])]
    return "".join(parts)


def _table(entries: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{name}` | {_default(entry.get('default'))} | {_allowed(entry)} | {entry['description']} |\n"
        for name, entry in entries.items()
        if "$ref" not in entry
    ]
    return ["\n| setting | default | allowed | what it is |\n|---|---|---|---|\n", *rows]


def _default(value: Any) -> str:
    return "not set" if value is None else "none" if value == {} else f"`{toml_value(value)}`"


def _allowed(entry: dict[str, Any]) -> str:
    """What a value may be, in words, of its JSON schema."""
    if "anyOf" in entry:
        kinds = [_allowed(each) for each in entry["anyOf"] if each.get("type") != "null"]
        return ", or ".join(dict.fromkeys(kinds))
    if "enum" in entry or "const" in entry:
        return ", ".join(f"`{each}`" for each in entry.get("enum", [entry.get("const")]))
    if "prefixItems" in entry:
        return "a range of them, `[low, high]`"
    if entry["type"] == "array":
        return "a list of them"
    if entry["type"] == "object":
        return f"a table, each a {_allowed(entry['additionalProperties'])}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    signs = [f"{sign} {entry[key]:,}" for key, sign in limits.items() if key in entry and entry[key] < 2**53]
    multiple = [f"a multiple of {entry['multipleOf']}"] if "multipleOf" in entry else []
    return ", ".join([words[entry["type"]], *signs, *multiple])


if __name__ == "__main__":
    sys.stdout.write(settings_page())
