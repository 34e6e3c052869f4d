"""When each tensor's words travel: which rows and words of one wait until another is there.

All is counted in units: the words of the finest grid, and its rows. Word (y, x) of a tensor travels when word
(spacing * y + rows, spacing * x + columns) of the finest would.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hwrts.export.rtl.folding import Folding
from hwrts.export.rtl.stream import Stream, Streams, reduces, resizes, window_of
from hwrts.fixed_point import Layer, Network

_CLOCKS = 8
"""Clocks from a window to the sum of its codes, its queues on both sides included."""
WORDS = 4
"""Words that a pipeline holds at any speed: its result, and those of the queues around it."""


@dataclass(frozen=True)
class Times:
    """Of every tensor, by name, in units.

    Attributes:
        spacing: From one word of it to the next, as it is read.
        rows: By how many it is later than an input of as many rows.
        columns: Columns that the input is ahead of it at most, with nothing in queues of rows.
        words: Words that pipelines hold meanwhile.
        held: Words of its own that the pipeline holds that makes it.
        waits: By how much a layer is later than its sources, beside its window: a row, or a whole picture.
    """

    spacing: Mapping[str, int]
    rows: Mapping[str, int]
    columns: Mapping[str, int]
    words: Mapping[str, int]
    held: Mapping[str, int]
    waits: Mapping[str, int]

    def ahead(self, name: str) -> int:
        """By how much the input is ahead of a tensor."""
        return self.columns[name] + self.words[name]

    def reads(self, layer: Layer, source: str) -> int:
        """When a layer reads the rows of a source, as ``rows``."""
        own = self.spacing[source] * window_of(layer).after
        return self.rows[layer.name] - own - self.waits.get(layer.name, 0)


def times_of(network: Network, streams: Streams, foldings: Mapping[str, Folding], tallest: int) -> Times:
    """As early as possible; but what is at least as large as its source, and needed later, waits.

    Args:
        network: The network.
        streams: Its tensors.
        foldings: Its convolutions.
        tallest: Rows of the largest frame.
    """
    unit = math.lcm(*(stream.grid.numerator for stream in streams.read.values() if not stream.whole))
    spacing = {name: 0 if stream.whole else int(unit / stream.grid) for name, stream in streams.read.items()}
    waits: dict[str, int] = {}
    rows, columns, words = ({each.name: 0 for each in network.inputs} for _ in range(3))
    held: dict[str, int] = {}
    clocks = {conv.name: foldings[conv.name].cycles(conv) for conv in network.convs}
    for layer in network.layers:
        name, source = layer.name, max(spacing[each] for each in layer.sources)
        if reduces(layer):
            waits[name] = tallest * unit if streams.made[name].whole else source
        after = source * window_of(layer).after + waits.get(name, 0)
        rows[name] = max(rows[each] for each in layer.sources) + after
        ahead, held[name] = _columns_and_words(layer, clocks.get(name))
        between = source * layer.window.shrink  # words of the result, whose squares are not parted yet
        columns[name] = max(columns[each] for each in layer.sources) + ahead * source
        words[name] = max(words[each] for each in layer.sources) + held[name] * between
        if name in streams.parted:
            words[name] += WORDS * between
    times = Times(spacing, rows, columns, words, held, waits)
    sizes = {name: _bits_per_pixel(stream) for name, stream in streams.read.items()}
    for layer in reversed(network.layers):
        readers = [reader for reader in network.layers if layer.name in reader.sources]
        if readers and len(layer.sources) == 1 and sizes[layer.name] >= sizes[layer.sources[0]]:
            needed = min(times.reads(reader, layer.name) for reader in readers)
            rows[layer.name] = max(rows[layer.name], needed)
    return times


def _bits_per_pixel(stream: Stream) -> float:
    """Of a tensor for each pixel of the input."""
    return float(stream.grid**2 * stream.bits)


def _columns_and_words(layer: Layer, clocks: int | None) -> tuple[int, int]:
    """Columns and words that its source is ahead of a result; ``clocks`` of a pixel where it is folded."""
    if layer.WIRES:
        return 0, 0
    right = window_of(layer).axes[1][1]
    if clocks is not None:
        return right, WORDS + -(-_CLOCKS // clocks)
    grows = layer.window.kernel > 1 and layer.window.grow > 1
    return right, WORDS + 2 * (grows or resizes(layer))  # it sums down its columns, then along its rows
