"""How a circuit is folded: for some multipliers, for some clocks a pixel, or for a video mode and a clock."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from numbers import Integral

from hwrts.cost.modes import Mode, Place, mode_named
from hwrts.errors import ConfigError
from hwrts.export.rtl import Settings
from hwrts.export.rtl.folding import foldings_of
from hwrts.export.rtl.gates import multipliers_of
from hwrts.export.rtl.stream import deepest
from hwrts.fixed_point import HwrtsError, Network, halo

DEFAULT_CYCLES = 16
"""Clocks for a pixel of the input where nothing else is said: 1080p60 from 540p at 500 MHz."""
_MOST_STRIPS = 16
"""Circuits side by side: the largest display of the field at the slowest clock has fewer."""
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
        at: Which of the network's two pictures the mode is.
        strips: Circuits side by side, each of which sees a part of the columns and those around it.
    """

    multipliers: int | None = None
    cycles: int | None = None
    mode: str | None = None
    clock_mhz: float | None = None
    weights: str = "rom"
    at: Place = "output"
    strips: int = 1

    def settings(self, network: Network) -> Settings:
        """What the circuit of a network is made with.

        Raises:
            ConfigError: Several of them at once, a mode without a clock or beyond it, fewer multipliers than
                convolutions and products, a number, a clock or a kind of weights that there is not.
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
        if self.clock_mhz is not None and not math.isfinite(self.clock_mhz):
            raise ConfigError(f"--clock-mhz {self.clock_mhz}: is no clock; use a number of MHz, such as 600")
        for name, number in (*said.items(), ("strips", self.strips)):
            if isinstance(number, Integral) and number < 1:
                raise ConfigError(f"{name} {number}: is none; use 1 or more")
        mode = mode_named(self.mode or _DEFAULT_MODE)
        cycles = self.cycles or DEFAULT_CYCLES
        if self.multipliers is not None:
            cycles = _for_multipliers(network, self.multipliers)
        if self.clock_mhz is not None:
            cycles = self._for_mode(network, mode, self.clock_mhz)
        rows = math.ceil(mode.height / self._scale(network))
        return Settings(self._columns(network, mode), rows, cycles, self.weights == "loadable")

    def in_strips(self, network: Network) -> "AskedCircuit":
        """With as few strips as the mode takes at that clock.

        What is wrong otherwise, or too much for any number of them, :meth:`settings` says.

        Raises:
            ConfigError: An unknown mode.
        """
        mode, asked = mode_named(self.mode or _DEFAULT_MODE), self
        while asked.clock_mhz is not None and 1 <= asked.strips < _MOST_STRIPS:
            least, pixels = asked._load(network, mode)
            if not asked.clock_mhz * 1e6 < least * pixels:
                break
            asked = replace(asked, strips=asked.strips + 1)
        return asked

    def _columns(self, network: Network, mode: Mode) -> int:
        """Of the input picture, which is the mode's or whose output is; of a strip with what is around it."""
        columns = math.ceil(mode.width / self._scale(network) / self.strips)
        return max(2, columns + (2 * halo(network.steps) if self.strips > 1 else 0))

    def _scale(self, network: Network) -> Fraction:
        """How many times as large as the input the picture is that the mode names; 1 if that is one pixel."""
        return Fraction(network.scales[network.output] or 1) if self.at == "output" else Fraction(1)

    def _for_mode(self, network: Network, mode: Mode, clock_mhz: float) -> int:
        """Clocks that a pixel has, those in which windows are beyond the picture not counted."""
        least, pixels = self._load(network, mode)
        if clock_mhz * 1e6 < least * pixels:
            raise ConfigError(
                f"--mode {mode.name}: takes {least} clock(s) for each of {pixels / 1e6:,.1f} million pixels "
                f"a second, blanking included; use --clock-mhz {math.ceil(least * pixels / 1e6)} or more"
            )
        return int(clock_mhz * 1e6 // pixels)

    def _load(self, network: Network, mode: Mode) -> tuple[int, float]:
        """Clocks that a pixel of the input takes at least, and how many of them a second has."""
        rows = math.ceil(mode.height / self._scale(network))
        beyond = deepest(network)
        columns = self._columns(network, mode) + beyond + 1
        return max(1, int(network.scales[network.output]) ** 2), (
            (rows + beyond) * columns * mode.frames_per_second
        )


def _for_multipliers(network: Network, most: int) -> int:
    """The fewest clocks a pixel with which no more are needed."""
    low, high = 1, 1 << 24
    least = multipliers_of(network, foldings_of(network, high))
    if most < least:
        raise ConfigError(
            f"--multipliers {most}: its convolutions and products of two codes need {least} at least"
        )
    while low < high:
        middle = (low + high) // 2
        fits = _multipliers(network, middle) <= most
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


def _multipliers(network: Network, cycles: int) -> float:
    """Of its convolutions and products; more than any number where they need more clocks than those."""
    try:
        return multipliers_of(network, foldings_of(network, cycles))
    except HwrtsError:
        return math.inf
