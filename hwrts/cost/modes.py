"""Video modes by name, and what a network does when it works on one."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hwrts.errors import ConfigError, did_you_mean

KIB_BITS = 8 * 1024
"""Bits of a KiB."""

Place = Literal["input", "output"]
"""Which of the network's two pictures a video mode names."""


@dataclass(frozen=True)
class Mode:
    """A progressive video mode. Active pixels only: a network has nothing to compute in the blanking."""

    name: str
    width: int
    height: int
    frames_per_second: int


MODES = (
    Mode("1080p60", 1920, 1080, 60),
    Mode("2160p60", 3840, 2160, 60),
    Mode("2160p120", 3840, 2160, 120),
    Mode("4320p60", 7680, 4320, 60),
)


_OWN = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})@([1-9]\d{0,2})", re.ASCII)
"""Columns and rows up to 99,999 and whole frames per second up to 999: beyond that, a slip of the finger."""


def mode_named(name: str) -> Mode:
    """The mode of that name, or of its picture and frames per second, such as 3440x1440@100.

    Raises:
        ConfigError: There is none.
    """
    modes = {mode.name: mode for mode in MODES}
    own = _OWN.fullmatch(name)
    if own is not None:
        return Mode(name, *map(int, own.groups()))
    if name not in modes:
        hint = did_you_mean(name, modes)
        raise ConfigError(
            f"mode {name!r}: there is no such video mode; {hint and hint + ' '}"
            f"use {', '.join(modes)} or WIDTHxHEIGHT@FPS in whole numbers, such as 3440x1440@100"
        )
    return modes[name]


@dataclass(frozen=True)
class Load:
    """A network at work on a video mode.

    Attributes:
        place: Whether the mode's picture is the network's input or its output.
        input_size: Columns and rows of the input picture.
        output_size: Columns and rows of the output picture.
        macs_per_second: (C6).
        line_bits: Line memory of all layers (C8).
        traffic_bits: Activations read and written for one frame, layer by layer (C10).
        streamed_bits: Input read and output written for one frame, no more (C11).
        frames_per_second: Of the mode.
    """

    place: Place
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    macs_per_second: int
    line_bits: int
    traffic_bits: int
    streamed_bits: int
    frames_per_second: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"gmac_per_second": self.macs_per_second / 1e9}
