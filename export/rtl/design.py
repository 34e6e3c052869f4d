"""What a generated circuit is told beside the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwrts.export.rtl.folding import Folding, clocks_between
from hwrts.export.rtl.stream import Stream
from hwrts.fixed_point import Bounds, Padding, Rounding, Window

ROUNDING_CODES = {
    Rounding.HALF_EVEN: 0, Rounding.HALF_UP: 1, Rounding.HALF_AWAY: 2, Rounding.FLOOR: 3, Rounding.DOUBLE: 4,
}  # fmt: skip
"""What hwrts_requantise.v calls them."""


@dataclass(frozen=True)
class Settings:
    """What is chosen.

    Attributes:
        widest: Columns of the largest frame; line memories have that many words.
        tallest: Its rows, where a layer must have seen them all: as many wait for what it makes.
        cycles: Clocks that a convolution may take for a pixel of the input.
        loadable: Whether weights can be written through a port.
    """

    widest: int = 64
    tallest: int = 64
    cycles: int = 16
    loadable: bool = False


@dataclass(frozen=True)
class Place:
    """Where a layer stands in the circuit: all that its generator asks.

    Attributes:
        sources: What it reads.
        made: What it makes.
        rounding: Its tie rule.
        bounds: What its accumulators can be; None if it only moves codes.
        settings: What is chosen.
        folding: Of a convolution.
        tapped: Whether others read from the middle of its window.
    """

    sources: tuple[Stream, ...]
    made: Stream
    rounding: Rounding
    bounds: Bounds | None
    settings: Settings
    folding: Folding | None = None
    tapped: bool = False

    @property
    def accumulator_bits(self) -> int:
        """The proved width, of the widest channel."""
        assert self.bounds is not None
        return int(self.bounds.bits.max())


def requantised(place: Place, shift: int) -> dict[str, int]:
    """The parameters of a requantisation that drops the same bits everywhere."""
    return {
        "ACC": place.accumulator_bits,
        "SHIFT": shift,
        "ROUNDING": ROUNDING_CODES[place.rounding],
        "OUT_BITS": place.made.out.bits,
        "OUT_SIGNED": int(place.made.out.signed),
    }


def paired(place: Place) -> dict[str, int]:
    """The parameters of two operands that meet code by code, one of one channel all of the other."""
    a, b = place.sources
    channels = place.made.channels
    return {
        "LANES": place.made.lanes,
        "A_EACH": channels // a.channels,
        "A_BITS": a.out.bits,
        "A_SIGNED": int(a.out.signed),
        "B_EACH": channels // b.channels,
        "B_BITS": b.out.bits,
        "B_SIGNED": int(b.out.signed),
    }


EDGES = {Padding.ZERO: 0, Padding.REPLICATE: 1, Padding.REFLECT: 2}
"""What hwrts_window.v calls them."""


def slow(place: Place) -> int:
    """Whether a pixel of the source has two clocks or more: then a row may begin with some of its own."""
    source = place.sources[0]
    return int(source.whole or clocks_between(source.grid, place.settings.cycles) >= 2)


def looking(window: Window, place: Place) -> dict[str, int]:
    """The parameters of a window (hwrts_window.v): where its pixel stands, and how far it goes beyond."""
    (above, below, cut_rows), (left, right, cut_columns) = window.axes
    return {
        "ROWS": above + 1 + below,
        "COLUMNS": left + 1 + right,
        "BELOW": below,
        "RIGHT": right,
        "PAST_ROWS": below - cut_rows,
        "PAST_COLUMNS": right - cut_columns,
        "STRIDE": window.shrink,
        "SLOW": slow(place),
    }


@dataclass(frozen=True)
class Literal:
    """A number as Verilog writes it, for one of more bits than an integer has."""

    text: str


Parameters = Mapping[str, int | str | Literal]


UNREAD = "unread"
"""What an operand is called whose words nobody asks for, as that of the size of a result."""


@dataclass(frozen=True)
class Module:
    """A layer in Verilog.

    Attributes:
        kind: Name of the module of the library; None for wires.
        parameters: Of the instance.
        operands: What its ports call its sources.
        joined: Whether it has one port for all of them, the first in the low bits.
        window_rows: Rows that it keeps in front of it; None if it counts no rows and columns.
        memories: Text for $readmemh by the name of the file.
        wires: Of a layer of wires: for each code of the result, from the lowest, the lane of the source.
        load_bits: Bits of a word that is written into its weights, and of its address; none if it has none.
        weight_word: The low ones of those bits, which are a word of weights; above them are biases.
    """

    kind: str | None
    parameters: Parameters = field(default_factory=dict)
    operands: tuple[str, ...] = ("s",)
    joined: bool = False
    window_rows: int | None = None
    memories: Mapping[str, str] = field(default_factory=dict)
    wires: tuple[int, ...] = ()
    load_bits: tuple[int, int] | None = None
    weight_word: int = 0
