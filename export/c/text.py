"""Text of C: numbers, constants, and templates in which a missing name is an error."""

from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

_ENVIRONMENT = Environment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)
_WIDTH = 100
"""Columns of a line of constants."""


def filled(template: str, /, **values: Any) -> str:
    """A template with its values; nothing is escaped, for it is no page."""
    return _ENVIRONMENT.from_string(template).render(values)


def filled_file(name: str, /, **values: Any) -> str:
    """A template of this package's folder of templates."""
    source = resources.files("hwrts.export.c").joinpath("templates", name).read_text("utf-8")
    return filled(source, **values)


def number(value: int) -> str:
    """A whole number of int32 in C, where the smallest one cannot be written plainly.

    >>> number(-5), number(-(1 << 31))
    ('-5', '(-2147483647 - 1)')
    """
    return f"(-{(1 << 31) - 1} - 1)" if value == -(1 << 31) else str(value)


def constants(kind: str, name: str, values: Iterable[int] | NDArray[np.integer]) -> str:
    """A constant array, as a definition.

    >>> print(constants("int8_t", "w", [1, -2]), end="")
    static const int8_t w[2] = {
        1, -2
    };
    """
    words = [number(int(value)) for value in np.ravel(np.asarray(values))]
    lines, line = [], ""
    for place, word in enumerate(words):
        word += "," if place + 1 < len(words) else ""
        if line and len(line) + 1 + len(word) > _WIDTH - 4:
            lines.append(line)
            line = ""
        line += f" {word}" if line else word
    lines.append(line)
    return f"static const {kind} {name}[{len(words)}] = {{\n" + "".join(f"    {x}\n" for x in lines) + "};\n"
