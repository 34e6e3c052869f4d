"""Widths of weights on the command line: lists, single layers, and a budget to choose them for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwrts.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """Memory for all weights in KiB, and the widths to choose from."""

    kib: float
    widths: list[int]


def parse_widths(flag: str, text: str, largest: int) -> list[int]:
    """Widths of a range "2-7" or a list "4,6", in order, each once.

    Raises:
        ConfigError: Something else, or a width that is not 2..largest.
    """
    low, dash, high = text.partition("-")
    words = [low, high] if dash else text.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise ConfigError(f"{flag} {text!r}: give a range such as 2-6 or a list such as 4,6")
    numbers = [int(word) for word in words]
    widths = sorted(set(range(numbers[0], numbers[1] + 1) if dash else numbers))
    if not widths or not 2 <= widths[0] <= widths[-1] <= largest:
        raise ConfigError(f"{flag} {text!r}: widths are 2..{largest}, and a range goes from low to high")
    return widths


def parse_layer_widths(flag: str, text: str) -> dict[str, int]:
    """Widths by layer of "conv_in=6,conv_out=8"; the flag is for errors.

    Raises:
        ConfigError: Something else, or a layer twice.
    """
    found: dict[str, int] = {}
    for entry in text.split(","):
        name, _, bits = (part.strip() for part in entry.rpartition("="))
        if not name or not bits.isdecimal() or name in found:
            raise ConfigError(
                f"{flag} {text!r}: give each layer once with its width, as conv_in=6,conv_out=8"
            )
        found[name] = int(bits)
    return found


def parse_budget(kib: float | None, widths: str | None, given: Mapping[str, Any]) -> Budget | None:
    """What --weight-kib and --widths ask for together; None without a budget.

    Args:
        kib: Memory for all weights.
        widths: What to choose from.
        given: Settings from other flags.

    Raises:
        ConfigError: No memory, flags that contradict each other, or widths as in :func:`parse_widths`.
    """
    if kib is None:
        if widths is not None:
            raise ConfigError("--widths: is of --weight-kib, give both; --weight-bits gives all layers one")
        return None
    if "layer_weight_bits" in given:
        raise ConfigError(
            "--weight-kib: chooses the widths itself; leave out --weight-bits, --layer-weight-bits and "
            "--reduce-range"
        )
    if not (math.isfinite(kib) and kib > 0):
        raise ConfigError(f"--weight-kib {kib}: is no memory; give KiB above 0, such as 8.5")
    return Budget(kib, parse_widths("--widths", widths or "2-8", largest=8))
