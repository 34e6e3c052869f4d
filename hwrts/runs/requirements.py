"""What a product demands of a network's pictures, such as flat=0,grey=1, held against its measures."""

from collections.abc import Mapping
from typing import Any

from hwrts.errors import ConfigError, did_you_mean

REQUIRED = {
    "flat": "flat_codes",
    "border": "border_codes",
    "grey": "grey_codes",
    "step": "step_codes",
}
"""What may be required, and the measure that it is held against, in codes."""


def parse_requirements(text: str) -> dict[str, float]:
    """Limits by name.

    Raises:
        ConfigError: An unknown name, one that stands twice, or a limit that is no number of codes.

    >>> parse_requirements("flat=0,border=1")
    {'flat': 0.0, 'border': 1.0}
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (word.strip() for word in part.partition("="))
        if name not in REQUIRED:
            raise ConfigError(
                f"--require {text!r}: {name!r} is unknown; "
                f"{did_you_mean(name, REQUIRED) or 'use ' + ', '.join(REQUIRED)}"
            )
        if name in limits:
            raise ConfigError(f"--require {text!r}: {name} stands twice; give each one limit")
        if not equals or not number.isascii() or not number.isdigit() or int(number) > 255:
            raise ConfigError(
                f"--require {text!r}: {name} needs a limit in codes, 0 to 255, such as {name}=1"
            )
        limits[name] = float(number)
    return limits


def unmet(measures: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    """A sentence for each limit that a network's measures are above, or are not known for.

    Args:
        measures: Content of metrics.json, or :func:`hwrts.metrics.pattern_figures`.
        limits: In codes.
    """
    found = []
    for name, most in limits.items():
        value = measures.get(REQUIRED[name])
        if value is None:
            found.append(f"{name} was not measured when it was made, and at most {most:.0f} is required")
        elif value > most:
            found.append(f"{name} is {value:.0f} codes, and at most {most:.0f} is required")
    return found
