"""The plan of a row-by-row run as it stands in C: which rows are kept where, and when each layer works."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwrts.export.c.function import Function, Writer
from hwrts.fixed_point import Edge, Layer, Lines, Network, plan_lines, registers_of


@dataclass(frozen=True)
class Track:
    """A tensor: its size, and the rows of it that one tick makes.

    Attributes:
        number: Its place among all, inputs first.
        name: In C.
        kind: Type of what is stored.
        channels: C.
        bits: Of a code.
        scale: Height and width relative to the input; 0 of a register, one pixel that is there all the time.
        lacks: Rows and columns that it lacks against that.
        burst: Rows that a tick makes at most: they stand beside the line memory until the tick is over.
    """

    number: int
    name: str
    kind: str
    channels: int
    bits: int
    scale: Fraction
    lacks: tuple[int, int]
    burst: int

    @property
    def register(self) -> bool:
        """Whether it is no picture."""
        return self.scale == 0

    def size(self, of: str, axis: int) -> str:
        """Its rows (axis 0) or columns (1), for so many of the input; a register has no rows that come."""
        if self.register:
            return str(axis)
        size, lack = of, self.lacks[axis]
        if self.scale != 1:
            size = f"{of} * {self.scale.numerator}" if self.scale.numerator > 1 else of
            size = f"{size} / {self.scale.denominator}" if self.scale.denominator > 1 else size
        return f"({size} {'-' if lack > 0 else '+'} {abs(lack)})" if lack else f"({size})"


@dataclass(frozen=True)
class Ring:
    """A tensor on its way to one reader, and the line memory in front of that.

    Attributes:
        number: Its place among all.
        source: The tensor.
        rows: That are kept here from one tick to the next.
        before: Rows above its own that a step of the reader still reads.
        shrink: Rows from one step to the next.
        after: Rows below.
        reader: Number of the layer that reads it.
        owner: Number of the ring where its rows are when they are new to it; None where it takes them itself.
    """

    number: int
    source: Track
    rows: int
    before: int
    shrink: int
    after: int
    reader: int
    owner: int | None

    @property
    def kind(self) -> str:
        """Type of what is stored."""
        return self.source.kind

    @property
    def register(self) -> bool:
        """Its rows come one after another."""
        return False


@dataclass(frozen=True)
class Worker:
    """A layer: its function, what it reads in the order of its sources, and the steps that a tick takes.

    Attributes:
        number: Its place among the layers.
        made: The tensor.
        function: What computes it.
        reads: One for each source: a ring, or the register itself.
        shrink: Rows of a source from one step to the next.
        grow: Rows that a step makes.
        cut: How far ahead a step needs the source to go on.
        begins: The first step: the one above the picture whose window ends with its first row.
        done: Steps that are over at the end of each tick of a period.
        each_period: Steps of a period.
    """

    number: int
    made: Track
    function: Function
    reads: tuple[Ring | Track, ...]
    shrink: int
    grow: int
    cut: int
    begins: int
    done: tuple[int, ...]
    each_period: int

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Those of its sources that are pictures; the first says where a picture ends."""
        return tuple(each for each in self.reads if isinstance(each, Ring))

    @property
    def until(self) -> str:
        """The steps that are over at the end of the present tick."""
        if len(self.done) == 1:
            return f"s->tick * {self.each_period} + {self.done[0]}".replace("+ -", "- ")
        period = len(self.done)
        return f"{self.made.name}_done[s->tick % {period}] + s->tick / {period} * {self.each_period}"


@dataclass(frozen=True)
class Held:
    """A layer of registers alone, which is computed once, before the picture.

    Attributes:
        made: The register that it makes.
        function: What computes it.
        reads: Registers.
    """

    made: Track
    function: Function
    reads: tuple[Track, ...]


@dataclass(frozen=True)
class Schedule:
    """All of it."""

    held: tuple[Held, ...]
    tracks: dict[str, Track]
    rings: tuple[Ring, ...]
    workers: tuple[Worker, ...]

    @property
    def in_order(self) -> list[Ring]:
        """Rings, each behind the one that it reads from."""
        return sorted(self.rings, key=lambda ring: (self._depth(ring), ring.number))

    def _depth(self, ring: Ring) -> int:
        return 0 if ring.owner is None else 1 + self._depth(self.rings[ring.owner])


def schedule(writer: Writer, functions: dict[str, Function]) -> Schedule:
    """The schedule of a network whose layers have those functions."""
    network = writer.network
    lines = plan_lines(network.steps)
    tracks = dict(_tracks(writer, lines))
    numbers = {(edge.reader, edge.source): place for place, edge in enumerate(lines.edges)}
    readers = {layer.name: place for place, layer in enumerate(network.layers)}
    registers = registers_of(network.steps)
    held = tuple(
        Held(tracks[layer.name], functions[layer.name], tuple(tracks[each] for each in layer.sources))
        for layer in network.layers
        if layer.name in registers
    )
    rings = tuple(_ring(network, edge, tracks, numbers, readers) for edge in lines.edges)
    workers = tuple(
        _worker(
            network,
            lines,
            layer,
            tracks,
            tuple(
                tracks[each] if each in registers else rings[numbers[layer.name, each]]
                for each in layer.sources
            ),
            functions,
        )
        for layer in network.layers
        if layer.name not in registers
    )
    return Schedule(held, tracks, rings, workers)


def _tracks(writer: Writer, lines: Lines) -> Iterator[tuple[str, Track]]:
    network = writer.network
    for number, (name, tensor) in enumerate(network.tensors.items()):
        window, burst = network.steps[number].window, 1
        if name in lines.done:  # no register
            period = len(lines.done[name])
            ticks = np.array([lines.steps_done(name, tick) for tick in range(period, 2 * period + 1)])
            burst = max(1, int(np.diff(ticks).max())) * (window.grow if number >= len(network.inputs) else 1)
        stored = writer.stored(name)
        yield (
            name,
            Track(
                number,
                writer.names[name],
                stored.kind,
                tensor.channels,
                tensor.out.bits,
                tensor.scale,
                tensor.lacks,
                burst,
            ),
        )


def _ring(
    network: Network,
    edge: Edge,
    tracks: dict[str, Track],
    numbers: dict[tuple[str, str], int],
    readers: dict[str, int],
) -> Ring:
    window = network.layer(edge.reader).window
    return Ring(
        numbers[edge.reader, edge.source],
        tracks[edge.source],
        edge.rows,
        window.before,
        window.shrink,
        window.after,
        readers[edge.reader],
        None if edge.tap is None else numbers[edge.tap, edge.source],
    )


def _worker(
    network: Network,
    lines: Lines,
    layer: Layer,
    tracks: dict[str, Track],
    reads: tuple[Ring | Track, ...],
    functions: dict[str, Function],
) -> Worker:
    window, done = layer.window, lines.done[layer.name]
    period = len(done)
    return Worker(
        tracks[layer.name].number - len(network.inputs),
        tracks[layer.name],
        functions[layer.name],
        reads,
        window.shrink,
        window.grow,
        window.cut,
        -(window.after // window.shrink),
        tuple(int(each) for each in done),
        lines.steps_done(layer.name, period) - lines.steps_done(layer.name, 0),
    )
