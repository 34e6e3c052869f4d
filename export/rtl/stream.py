"""How a tensor travels: as words in raster order, each of a pixel or of a square of them.

Behind depth-to-space or repetition a pixel of the grid stands for a square of them, and they stay together
in one word: so both are wires, and what follows works on each pixel of the square alike. Squares are parted
into words of a pixel where a reader has a window, or where an operand beside them has no squares.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from hwrts.fixed_point import Format, Layer, Network, Window


def reduces(layer: Layer) -> bool:
    """Whether it makes one of all pixels of a picture, or of a row."""
    return layer.window.unbounded and not resizes(layer)


def resizes(layer: Layer) -> bool:
    """Whether it may read any row for a pixel, and makes another size."""
    window = layer.window
    return window.any_row and (window.like is not None or window.grow > 1)


def window_of(layer: Layer) -> Window:
    """What the circuit of a layer reads for one pixel: of what is resized by a whole factor three rows."""
    return Window.around(3) if resizes(layer) else layer.window


_LONGEST = 24
"""Characters of a tensor's name that its signals bear: enough to find it in a waveform."""


@dataclass(frozen=True)
class Stream:
    """A tensor as words.

    Attributes:
        signal: What its signals are called in Verilog.
        grow: A word holds a square of so many rows and columns of pixels, row by row.
        channels: Of a pixel.
        out: Format of a code.
        grid: Words for each pixel of the input, along rows and along columns; 0 is one word for a frame.
        lacks: Rows and columns of words that convolutions without padding have taken away.
    """

    signal: str
    grow: int
    channels: int
    out: Format
    grid: Fraction = Fraction(1)
    lacks: tuple[int, int] = (0, 0)

    @property
    def lanes(self) -> int:
        """Codes of a word."""
        return self.grow**2 * self.channels

    @property
    def whole(self) -> bool:
        """Whether it is one word for a frame."""
        return self.grid == 0

    def spread(self, over: "Stream") -> "Stream":
        """As it meets another tensor: itself, or its one word as often as that one has words and pixels."""
        if not self.whole or over.whole:
            return self
        return replace(self, grow=over.grow, grid=over.grid, lacks=over.lacks)

    @property
    def bits(self) -> int:
        """Of a word."""
        return self.lanes * self.out.bits

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of words, of an input of that size."""
        return int(height * self.grid) - self.lacks[0], int(width * self.grid) - self.lacks[1]

    def lane(self, row: int, column: int, channel: int) -> int:
        """Where the code of a pixel of the square stands in a word."""
        return (row * self.grow + column) * self.channels + channel


def signal_name(place: int, name: str) -> str:
    r"""A name that no keyword is and no other tensor has: its place, and what Verilog can read of its own.

    >>> signal_name(3, "inside"), signal_name(4, "a.b \" c")
    ('t3_inside', 't4_a_b___c')
    """
    return f"t{place}_{re.sub('[^A-Za-z0-9]', '_', name)[:_LONGEST]}"


@dataclass(frozen=True)
class Streams:
    """All tensors of a network.

    Attributes:
        made: As their layers make them, by name, inputs first.
        read: As they are read: the same, but for those whose squares are parted.
    """

    made: Mapping[str, Stream]
    read: Mapping[str, Stream]

    @property
    def parted(self) -> tuple[str, ...]:
        """Names of those whose squares are parted."""
        return tuple(name for name, stream in self.made.items() if stream is not self.read[name])


def streams_of(network: Network) -> Streams:
    """How every tensor travels."""
    parted: set[str] = set()
    while True:  # what is parted for one reader may no longer fit another
        streams = _streams(network, parted)
        more = {name for layer in network.layers for name in _in_the_way(layer, streams.read)}
        if not more:
            return streams
        parted |= more


def _streams(network: Network, parted: set[str]) -> Streams:
    made: dict[str, Stream] = {}
    read: dict[str, Stream] = {}
    for place, (name, tensor) in enumerate(network.tensors.items()):
        signal, grow, grid = signal_name(place, name), 1, tensor.scale
        if place >= len(network.inputs):
            layer = network.layer(name)
            source = next((read[each] for each in layer.sources if not read[each].whole), None)
            if source is not None and tensor.scale:
                grow, grid = source.grow * layer.window.grow, source.grid / layer.window.shrink
                times = tensor.scale / source.grid
                if resizes(layer) and times.denominator == 1:
                    grow, grid = int(times), source.grid
        lacks = tensor.lacks[0] // grow, tensor.lacks[1] // grow
        whole = Stream(signal, 1, tensor.channels, tensor.out, grid * grow, tensor.lacks)
        made[name] = read[name] = replace(whole, grow=grow, grid=grid, lacks=lacks)
        if name in parted:
            read[name] = whole
    return Streams(made, read)


def deepest(network: Network) -> int:
    """Rows and columns beyond a frame that a window looks at: meanwhile the input is not taken."""
    return max((window_of(layer).after for layer in network.layers), default=0)


def _in_the_way(layer: Layer, read: Mapping[str, Stream]) -> set[str]:
    """Sources of a layer whose squares must be parted for it."""
    squares = {source for source in layer.sources if read[source].grow > 1}
    alike = len({read[source].grow for source in layer.sources if not read[source].whole}) <= 1
    return set() if alike and not _windowed(layer) else squares


def _windowed(layer: Layer) -> bool:
    """Whether it has a kernel, be it of one pixel, or reads others: a word of several is none of its."""
    beyond = any(before or after for before, after, _ in layer.window.axes)
    return layer.shape is not None or layer.window.unbounded or beyond
