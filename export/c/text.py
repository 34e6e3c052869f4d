"""Text of C: numbers and constants."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_WIDTH = 100
"""Columns of a line of constants."""


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
