"""Line memory: which rows a circuit must keep while a picture streams through it, row by row.

A convolution of K rows keeps the K-1 rows before the current one in a line buffer, all of which can be read
at once. An operand that arrives d rows before it is needed waits in a FIFO of d rows, which has one
read port; it costs nothing if a line buffer of the same tensor still holds that row (a tap), or if another
reader waits for the same row.

A tensor that shrinks and grows again arrives in bursts: two rows at once, then none. So everything is counted
at the end of each of the input rows, the ticks, that the largest stride takes in; they repeat from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .steps import Step, lacks_of, multiple_of, registers_of, scales_of, whole_frame

Ticks = NDArray[np.int64]
"""A number at the end of each tick of a period, (M,), of a run that has been going on for long."""


@dataclass(frozen=True)
class Edge:
    """A tensor on its way to one of its readers.

    Attributes:
        reader: Name of the tensor that is made from it.
        source: Name of the tensor.
        kernel: K, the rows that the reader looks at.
        rows: Rows of the source that this edge keeps in memory.
        tap: The reader whose edge from the same source holds the rows that this one waits for, so that it
            keeps no more than K - 1.
    """

    reader: str
    source: str
    kernel: int
    rows: int
    tap: str | None = None


@dataclass(frozen=True, eq=False)
class Lines:
    """The schedule of a row-by-row run.

    Attributes:
        steps: The network's shape.
        done: For each tensor that is made of others, how many steps (``Window``) are over at the end of each
            tick of a period; of the input, how many rows are there. Fewer than none while nothing has begun.
            Registers, which are there all the time, are not among them, nor among the edges.
        edges: Every tensor on its way to every reader, in the order of computation.
    """

    steps: tuple[Step, ...]
    done: dict[str, Ticks]
    edges: tuple[Edge, ...]

    @cached_property
    def _periods(self) -> dict[str, int]:
        """Steps of every tensor in a period."""
        scales = scales_of(self.steps)
        return {
            step.name: int(scales[step.name] * len(self.done[step.name]) / step.window.grow)
            for step in self.steps
            if step.name in self.done
        }

    def steps_done(self, name: str, tick: int) -> int:
        """How many steps of a tensor are over at the end of a tick, counted from 0."""
        periods, place = divmod(tick, len(self.done[name]))
        return int(self.done[name][place]) + periods * self._periods[name]

    def into(self, reader: str) -> tuple[Edge, ...]:
        """The edges of one reader, in the order of its sources."""
        return tuple(edge for edge in self.edges if edge.reader == reader)

    def rows(self, reader: str) -> int:
        """Rows kept in front of one layer."""
        return sum(edge.rows for edge in self.into(reader))

    def bits(self, width: int) -> dict[str, int]:
        """Bits of line memory in front of each layer for an input of that width."""
        sizes, scales, lacks = (
            {step.name: step for step in self.steps},
            scales_of(self.steps),
            lacks_of(self.steps),
        )
        bits = {step.name: 0 for step in self.steps if step.sources}
        for edge in self.edges:
            step = sizes[edge.source]
            columns = int(width * scales[edge.source]) - lacks[edge.source][1]
            bits[edge.reader] += edge.rows * columns * step.channels * step.bits
        return bits

    def bits_per_column(self) -> dict[str, Fraction]:
        """The same for each column of the input, were it very wide."""
        sizes, scales = {step.name: step for step in self.steps}, scales_of(self.steps)
        bits = {step.name: Fraction(0) for step in self.steps if step.sources}
        for edge in self.edges:
            step = sizes[edge.source]
            bits[edge.reader] += edge.rows * scales[edge.source] * step.channels * step.bits
        return bits

    @property
    def latency(self) -> int | None:
        """Input rows after which the first output row is there, the current one not counted.

        None where the whole picture must be there before.
        """
        if whole_frame(self.steps):
            return None
        last, tick = next(step.name for step in reversed(self.steps) if step.name in self.done), 0
        while self.steps_done(last, tick) < 1:
            tick += 1
        return tick


def frame_bits(steps: Sequence[Step]) -> Fraction:
    """Bits per input pixel that a run layer by layer keeps at most: what is still read, and what is made.

    It is what a network needs that cannot be streamed. A tensor of one pixel is not counted.
    """
    scales = scales_of(steps)
    last = {source: step.name for step in steps for source in step.sources}
    kept: dict[str, Fraction] = {}
    peak = Fraction(0)
    for step in steps:
        kept[step.name] = step.channels * step.bits * scales[step.name] ** 2
        peak = max(peak, sum(kept.values(), Fraction(0)))
        for source in set(step.sources):
            if last[source] == step.name:
                del kept[source]
    return peak


def plan_lines(steps: Sequence[Step]) -> Lines:
    """When each tensor is made, and which rows are kept for it.

    Everything is made as early as possible, but a layer whose result is at least as large as its source and
    is needed later waits: the smaller tensor is kept.

    A network with a layer that reads the whole picture has no schedule: no edges, nothing done.
    """
    if whole_frame(steps):
        return Lines(tuple(steps), {}, ())
    registers = registers_of(steps)
    streamed = [
        replace(step, sources=tuple(source for source in step.sources if source not in registers))
        for step in steps
        if step.name not in registers
    ]
    done = _earliest(streamed)
    _postpone(streamed, done)
    return Lines(tuple(steps), done, tuple(_edges(streamed, done)))


def _earliest(steps: Sequence[Step]) -> dict[str, Ticks]:
    done: dict[str, Ticks] = {}
    made: dict[str, Ticks] = {}
    for step in steps:
        if step.sources:
            there = np.min([made[source] for source in step.sources], axis=0)
            done[step.name] = (there - step.window.after - 1) // step.window.shrink + 1
        else:
            done[step.name] = np.arange(1, multiple_of(steps) + 1)
        made[step.name] = done[step.name] * step.window.grow
    return done


def _postpone(steps: Sequence[Step], done: dict[str, Ticks]) -> None:
    """Move layers that enlarge what they read to the moment when they are needed, the last ones first."""
    sizes = {step.name: step.channels * step.bits for step in steps}
    for step in reversed(steps[:-1]):
        grow, shrink = step.window.grow, step.window.shrink
        readers = [reader for reader in steps if step.name in reader.sources]
        alone = len(step.sources) == 1
        if readers and alone and grow**2 * sizes[step.name] >= shrink**2 * sizes[step.sources[0]]:
            needed = np.max([_last_read(reader, done) for reader in readers], axis=0)  # rows
            done[step.name] = np.minimum(done[step.name], -(-needed // grow))


def _last_read(step: Step, done: dict[str, Ticks]) -> Ticks:
    """Rows of its source up to the last that it has read."""
    return (done[step.name] - 1) * step.window.shrink + step.window.after + 1


@dataclass(frozen=True, eq=False)
class _Wait:
    """An edge and how many rows there are of its source that its reader has not looked at yet.

    ``rows`` counts from the lowest one that the next step reads, which a circuit reads in that moment.
    """

    step: Step
    source: str
    rows: Ticks

    @property
    def kept(self) -> int:
        """Rows that are kept if nobody else keeps them."""
        return max(0, int(self.rows.max()) + self.step.window.kernel - 1)


def _edges(steps: Sequence[Step], done: dict[str, Ticks]) -> list[Edge]:
    made = {step.name: done[step.name] * step.window.grow for step in steps}
    waits = [
        _Wait(step, source, made[source] - done[step.name] * step.window.shrink - step.window.after)
        for step in steps
        for source in dict.fromkeys(step.sources)
    ]
    planned: list[Edge] = []
    for place, wait in enumerate(waits):
        tap, kernel = _tap(wait, waits, place), wait.step.window.kernel
        rows = wait.kept if tap is None else kernel - 1
        planned.append(Edge(wait.step.name, wait.source, kernel, rows, tap))
    return planned


def _tap(wait: _Wait, waits: Sequence[_Wait], place: int) -> str | None:
    """The reader whose memory holds what an edge waits for."""
    if wait.rows.max() <= 0 or wait.step.window.shrink > 1:  # which reads several rows at once
        return None
    for other in waits:
        behind = wait.rows - other.rows
        if other.source == wait.source and ((behind > 0) & (behind < other.step.window.kernel)).all():
            return other.step.name
    for other in waits[:place]:  # or the FIFO of an earlier reader
        if other.source == wait.source and np.array_equal(other.rows, wait.rows):
            return other.step.name
    return None
