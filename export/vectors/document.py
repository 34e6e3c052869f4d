"""VECTORS.md: everything that a person needs who has the folder and nothing else."""

from typing import Any

from hwrts.export.templates import filled_file
from hwrts.export.vectors.said import EQUATIONS, ROUNDING


def document(manifest: dict[str, Any]) -> str:
    """The text, of what the manifest says."""
    layers = manifest["layers"]
    operators = dict.fromkeys(each["operator"] for each in layers)
    rules = dict.fromkeys(each["rounding"] for each in layers)
    whole = [each for each in manifest["cases"] if each["layer"] is None]
    alone = [each for each in manifest["cases"] if each["layer"] is not None]
    first = whole[0]
    return filled_file(
        "hwrts.export.vectors",
        "VECTORS.md.j2",
        manifest=manifest,
        equations={name: EQUATIONS[name] for name in operators},
        rules={name: ROUNDING[name] for name in rules},
        whole=whole,
        alone=alone,
        first=first,
        feed=first["codes"][first["inputs"][0]],
        made=first["codes"][first["outputs"][0]],
        visible=visible,
    )


def visible(name: str) -> str:
    """A text that may hold anything, in a cell of a table: without what ends the cell or is markup.

    >>> visible("a|b`c: 'd'")
    "a b c: 'd'"
    """
    return "".join(letter if letter.isalnum() or letter in _PLAIN else " " for letter in name)


_PLAIN = "._-+/ ,:;='()"
"""Signs that stay."""
