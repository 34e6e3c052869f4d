"""What users say of a correction's strength and limits, in the codes of a network."""

import math

from hwrts.errors import ConfigError
from hwrts.fixed_point import PIXEL, STRENGTH, STRONGEST, Adjusted

_STEPS = 1 << STRENGTH.frac
_LIMITS = {"coring": 127, "overshoot": PIXEL.max}
"""Coring in codes of the correction (8 bits, whatever the pixels have), overshoot in codes of 8-bit pixels,
of which alone it is; a narrower network says so itself."""


def asked_strength(
    strength: float | None, coring: int | None, overshoot: int | None, *, register: bool = False
) -> Adjusted | None:
    """How a correction is to be adjusted; None where nothing was asked for.

    Args:
        strength: 0 to 2 in steps of 1/16.
        coring: Codes of the correction up to which it is dropped, 0..127.
        overshoot: Codes of a pixel of 8 bits by which the result may leave the range around, 0..255.
        register: Whether the strength is an input of the network.

    Raises:
        ConfigError: Other numbers, or a strength beside the input.

    >>> asked_strength(0.75, None, 8)
    Adjusted(strength=12, register=False, coring=None, overshoot=8)
    """
    if strength is not None and register:
        raise ConfigError(f"--strength {strength:g}: is given by --strength-input; leave one of the two out")
    for name, codes in (("coring", coring), ("overshoot", overshoot)):
        if codes is not None and not 0 <= codes <= _LIMITS[name]:
            raise ConfigError(f"--{name} {codes}: is no such number of codes; use 0 to {_LIMITS[name]}")
    found = Adjusted(None if strength is None else _sixteenths(strength), register, coring, overshoot)
    return None if found == Adjusted() else found


def _sixteenths(strength: float) -> int:
    steps = strength * _STEPS
    if math.isfinite(steps) and 0 <= steps <= STRONGEST and steps == round(steps):
        return round(steps)
    use = f"use 0 to {STRONGEST // _STEPS}, such as 0.5 or 1.25"
    if math.isfinite(steps) and 0 < steps < STRONGEST:
        use = f"use {math.floor(steps) / _STEPS:g} or {math.ceil(steps) / _STEPS:g}"
    raise ConfigError(f"--strength {strength:g}: is no multiple of 1/{_STEPS} from 0 to 2; {use}")


def said_of(how: Adjusted | None) -> dict[str, float | int | str]:
    """An adjustment as results and manifests name it; nothing where there is none.

    >>> said_of(asked_strength(0.75, 2, None))
    {'strength': 0.75, 'coring': 2}
    """
    if how is None:
        return {}
    strength = None if how.strength is None else how.strength / _STEPS
    said = {
        "strength": "input" if how.register else strength,
        "coring": how.coring,
        "overshoot": how.overshoot,
    }
    return {name: value for name, value in said.items() if value is not None}


def words_of(how: Adjusted | None) -> list[str]:
    """The same for a title.

    >>> words_of(asked_strength(None, 2, None, register=True))
    ['strength input', 'coring 2']
    """
    return [f"{name} {value}" for name, value in said_of(how).items()]
