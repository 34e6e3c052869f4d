"""How a circuit is folded: for some multipliers, for some clocks a pixel, or for a video mode and a clock."""

import math
from dataclasses import dataclass
from fractions import Fraction

from hwrts.cost.modes import Mode, mode_named
from hwrts.errors import ConfigError
from hwrts.export.rtl import Settings
from hwrts.export.rtl.folding import foldings_of, total_multipliers
from hwrts.fixed_point import HwrtsError, Network

DEFAULT_CYCLES = 16
"""Clocks for a pixel of the input where nothing else is said: 1080p60 from 540p at 500 MHz."""
_DEFAULT_MODE = "1080p60"
"""As wide are frames where no mode is said."""


@dataclass(frozen=True)
class AskedCircuit:
    """What a user says of a circuit; None is what he does not.

    Attributes:
        multipliers: At most so many.
        cycles: Clocks for a pixel of the input.
        mode: A video mode, of the output; its clock is needed too.
        clock_mhz: Of the circuit.
        weights: "rom", or "loadable" through a port.
    """

    multipliers: int | None = None
    cycles: int | None = None
    mode: str | None = None
    clock_mhz: float | None = None
    weights: str = "rom"

    def settings(self, network: Network) -> Settings:
        """What the circuit of a network is made with.

        Raises:
            ConfigError: Several of them at once, a mode without a clock or beyond it, fewer multipliers than
                convolutions, a kind of weights that there is not.
        """
        said = {
            "--multipliers": self.multipliers,
            "--cycles-per-pixel": self.cycles,
            "--mode": self.mode,
        }
        named = [name for name, value in said.items() if value is not None]
        if len(named) > 1:
            raise ConfigError(f"{' and '.join(named)}: each says how fast the circuit is; use one of them")
        if (self.mode is None) != (self.clock_mhz is None):
            raise ConfigError("--mode and --clock-mhz belong together: they say how many clocks a pixel has")
        if self.weights not in ("rom", "loadable"):
            raise ConfigError(f"--weights {self.weights}: is not known; use rom or loadable")
        mode = mode_named(self.mode or _DEFAULT_MODE)
        cycles = self.cycles or DEFAULT_CYCLES
        if self.multipliers is not None:
            cycles = _for_multipliers(network, self.multipliers)
        if self.clock_mhz is not None:
            cycles = _for_mode(network, mode, self.clock_mhz)
        return Settings(_columns(network, mode), cycles, self.weights == "loadable")


def _columns(network: Network, mode: Mode) -> int:
    """Of the input picture whose output is the mode's."""
    return max(2, math.ceil(mode.width / Fraction(network.scales[network.output])))


def _for_multipliers(network: Network, most: int) -> int:
    """The fewest clocks a pixel with which no more are needed."""
    low, high = 1, 1 << 24
    least = total_multipliers(foldings_of(network, high))
    if most < least:
        raise ConfigError(f"--multipliers {most}: its {least} convolutions need one each at least")
    while low < high:
        middle = (low + high) // 2
        fits = _multipliers(network, middle) <= most
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


def _multipliers(network: Network, cycles: int) -> float:
    """Of its convolutions; more than any number where they need more clocks than those."""
    try:
        return total_multipliers(foldings_of(network, cycles))
    except HwrtsError:
        return math.inf


def _for_mode(network: Network, mode: Mode, clock_mhz: float) -> int:
    """Clocks that a pixel has, those in which windows are beyond the picture not counted."""
    scale = Fraction(network.scales[network.output])
    rows = math.ceil(mode.height / scale)
    deepest = max((conv.window.after for conv in network.convs), default=0)
    pixels = (rows + deepest) * (_columns(network, mode) + deepest + 1) * mode.frames_per_second
    least = max(1, int(scale) ** 2)
    if clock_mhz * 1e6 < least * pixels:
        raise ConfigError(
            f"--mode {mode.name}: takes {least} clock(s) for each of {pixels / 1e6:,.1f} million pixels a "
            f"second, blanking included; use --clock-mhz {math.ceil(least * pixels / 1e6)} or more"
        )
    return int(clock_mhz * 1e6 // pixels)
