"""Line memory: which rows a circuit must keep while a picture streams through it, row by row.

A convolution of K rows keeps the K-1 rows before the current one in a line buffer, all of which can be read
at once. An operand that arrives d rows before it is needed waits in a FIFO of d rows, which has one
read port; it costs nothing if a line buffer of the same tensor still holds that row (a tap), or if another
reader waits for the same row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .steps import Step, scales_of


@dataclass(frozen=True)
class Edge:
    """A tensor on its way to one of its readers.

    Attributes:
        reader: Name of the tensor that is made from it.
        source: Name of the tensor.
        delay: Rows that it waits before the reader takes it.
        kernel: K, the rows that the reader looks at; K - 1 of them are kept behind the delay.
        tap: The reader whose edge from the same source holds the row that this one waits for, so that it
            needs no FIFO.
    """

    reader: str
    source: str
    delay: int
    kernel: int
    tap: str | None = None

    @property
    def rows(self) -> int:
        """Rows of the source that this edge keeps in memory."""
        return self.kernel - 1 + (0 if self.tap else self.delay)


@dataclass(frozen=True)
class Lines:
    """The schedule of a row-by-row run.

    Attributes:
        steps: The network's shape.
        delay: For each tensor, how many of its rows later than the first possible moment it is made: row y
            exists once the row y + delay of an undelayed tensor of its size has arrived.
        edges: Every tensor on its way to every reader, in the order of computation.
    """

    steps: tuple[Step, ...]
    delay: dict[str, int]
    edges: tuple[Edge, ...]

    def into(self, reader: str) -> tuple[Edge, ...]:
        """The edges of one reader, in the order of its sources."""
        return tuple(edge for edge in self.edges if edge.reader == reader)

    def rows(self, reader: str) -> int:
        """Rows kept in front of one layer."""
        return sum(edge.rows for edge in self.into(reader))

    def bits(self, width: int) -> dict[str, int]:
        """Bits of line memory in front of each layer for an input of that width."""
        sizes, scales = {step.name: step for step in self.steps}, scales_of(self.steps)
        bits = {step.name: 0 for step in self.steps if step.sources}
        for edge in self.edges:
            step = sizes[edge.source]
            bits[edge.reader] += edge.rows * width * scales[edge.source] * step.channels * step.bits
        return bits

    @property
    def latency(self) -> int:
        """Input rows after which the first output row is there, the current one not counted."""
        last = self.steps[-1].name
        return self.delay[last] // scales_of(self.steps)[last]  # an input row makes `scale` rows at once


def plan_lines(steps: Sequence[Step]) -> Lines:
    """When each tensor is made, and which rows are kept for it.

    Everything is made as early as possible, but a layer whose result is at least as large as its source and
    is needed later waits: the smaller tensor is kept.
    """
    delay = _earliest(steps)
    _postpone(steps, delay)
    edges: list[Edge] = []
    for step in steps:
        for source in dict.fromkeys(step.sources):
            edges.append(Edge(step.name, source, _wait(step, source, delay), step.window.kernel))
    return Lines(tuple(steps), delay, tuple(_with_taps(edges)))


def _earliest(steps: Sequence[Step]) -> dict[str, int]:
    delay: dict[str, int] = {}
    for step in steps:
        latest = max((delay[source] for source in step.sources), default=0)
        delay[step.name] = (latest + step.window.after) * step.window.grow
    return delay


def _wait(step: Step, source: str, delay: dict[str, int]) -> int:
    """Rows that a source waits before the step takes it."""
    return delay[step.name] // step.window.grow - step.window.after - delay[source]


def _postpone(steps: Sequence[Step], delay: dict[str, int]) -> None:
    """Move layers that enlarge what they read to the moment when they are needed, the last ones first."""
    sizes = {step.name: step.channels * step.bits for step in steps}
    for step in reversed(steps[:-1]):
        readers = [reader for reader in steps if step.name in reader.sources]
        enlarges = len(step.sources) == 1 and step.window.grow**2 * sizes[step.name] >= sizes[step.sources[0]]
        if readers and enlarges:
            slack = min(_wait(reader, step.name, delay) for reader in readers)
            delay[step.name] += slack // step.window.grow * step.window.grow


def _with_taps(edges: Sequence[Edge]) -> list[Edge]:
    planned: list[Edge] = []
    for edge in edges:
        tap = None
        if edge.delay:
            same = [other for other in edges if other.source == edge.source and other is not edge]
            tap = next((other.reader for other in same if 0 < edge.delay - other.delay < other.kernel), None)
            if tap is None:  # or the FIFO of an earlier reader
                tap = next(
                    (o.reader for o in planned if o.source == edge.source and o.delay == edge.delay), None
                )
        planned.append(Edge(edge.reader, edge.source, edge.delay, edge.kernel, tap))
    return planned
