"""Line-buffer execution: rows in, rows out, and in between only the rows that a circuit would keep."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from .codes import RunPath, checked_codes
from .errors import HwrtsError
from .lines import Edge, plan_lines
from .network import Network
from .operators import Layer
from .rows import Row, Rows
from .steps import whole_frame
from .window import Window


class _Wire:
    """A tensor on its way to one reader, and the rows of it that are kept there.

    Args:
        edge: As it is planned.
        window: Of the reader.
        owner: The wire whose rows this one reads when they are new to it, if it has no FIFO of its own.
    """

    def __init__(self, edge: Edge, window: Window, owner: "_Wire | None") -> None:
        self.edge, self._owner = edge, owner
        self._shrink, self._before, self._kernel = window.shrink, window.before, window.kernel
        self._rows: deque[Row] = deque()
        self._kept = 0  # codes in them
        self._first = 0  # number of the first row that is kept
        self._needed = 0  # rows above it are read no more
        self.peak = 0

    def arrive(self, row: Row) -> None:
        """Take a new row of the source; with an owner it is read there when its time has come."""
        if self._owner is None:
            self._append(row)

    def _append(self, row: Row) -> None:
        if self._first + len(self._rows) < self._needed:
            self._first += 1
        else:
            self._rows.append(row)
            self._kept += row.size

    def read(self, step: int, end: int | None) -> list[Row | None]:
        """The K rows that a step looks at; rows above the picture, or from row ``end`` on, are None."""
        first = step * self._shrink - self._before
        last = first + self._kernel - 1
        if self._owner is not None and last >= 0 and (end is None or last < end):
            self._append(self._owner.row(last))
        return [self.row(i) if i >= 0 and (end is None or i < end) else None for i in range(first, last + 1)]

    def row(self, number: int) -> Row:
        """A row that is kept here, or where this wire reads."""
        place = number - self._first
        if self._owner is not None and place >= len(self._rows):
            return self._owner.row(number)
        assert place >= 0, "the plan let go of a row that is still read"
        return self._rows[place]

    def let_go(self, next_step: int) -> None:
        """Keep only what the reader's next steps look at, and count it."""
        self._needed = max(0, next_step * self._shrink - self._before)
        while self._rows and self._first < self._needed:
            self._kept -= self._rows.popleft().size
            self._first += 1
        if self._kept > self.peak:
            self.peak = self._kept


class LineRun:
    """A network at work on one picture, fed row by row.

    Every tensor advances in step with the input, as in hardware: each layer takes the steps that
    :func:`hwrts.fixed_point.plan_lines` says, and keeps the rows that it says. What lies above the picture,
    or below it, is nothing to add, as in eq. 2, or another row, as in eq. 17 and 29.

    Args:
        network: The integer network.
        path: "int64" is the definition; "fast" uses float BLAS where it is proved exact.
    """

    def __init__(self, network: Network, path: RunPath = "fast") -> None:
        for name in whole_frame(network.steps):
            raise HwrtsError(
                f"stream: layer {name!r} is made of the whole picture, so no row of the output can come "
                "before the last row of the input; run whole pictures (fixed_point.run, ONNX)"
            )
        for each in network.inputs:
            if each.grow != each.shrink:
                raise HwrtsError(
                    f"stream: input {each.name!r} has another size than the first, so their rows do not come "
                    "together; run whole pictures (fixed_point.run, ONNX)"
                )
        self._network, self._path, self._plan = network, path, plan_lines(network.steps)
        self._windows = windows = {layer.name: layer.window for layer in network.layers}
        wires: dict[tuple[str, str], _Wire] = {}
        waiting = list(self._plan.edges)
        while waiting:  # a wire after the one that it reads from
            edge = waiting.pop(0)
            if edge.tap is not None and (edge.tap, edge.source) not in wires:
                waiting.append(edge)
                continue
            owner = wires[edge.tap, edge.source] if edge.tap else None
            wires[edge.reader, edge.source] = _Wire(edge, windows[edge.reader], owner)
        self._from: dict[str, list[_Wire]] = {name: [] for name in network.tensors}
        self._into: dict[str, dict[str, _Wire]] = {layer.name: {} for layer in network.layers}
        for wire in wires.values():
            self._from[wire.edge.source].append(wire)
            self._into[wire.edge.reader][wire.edge.source] = wire
        self._rows: dict[str, Rows] = {}
        # a step begins when the first row of the picture is its last: the rows above are none
        self._next = {name: -(window.after // window.shrink) for name, window in windows.items()}
        self._width: int | None = None
        self._tick, self._given = 0, dict.fromkeys(network.outputs, 0)
        self._ends: dict[str, int] | None = None  # rows of every tensor, once the picture has ended

    @property
    def peak_bits(self) -> dict[str, int]:
        """For each layer, the most bits of codes that its memories have held between two rows so far."""
        formats = self._network.formats
        return {
            name: sum(wire.peak * formats[source].bits for source, wire in wires.items())
            for name, wires in self._into.items()
        }

    def push(self, row: Row) -> list[Row]:
        """Feed one row (W, C) of codes; returns the output rows (W', C') that it completes.

        Of several outputs those of the first; errors as in :meth:`push_all`.
        """
        return self.push_all({self._network.inputs[0].name: row})[self._network.output]

    def push_all(self, rows: Mapping[str, Row]) -> dict[str, list[Row]]:
        """Feed one row (W, C) of codes of every input, by name; returns the rows of every output.

        Raises:
            HwrtsError: An input has no row, or one of another shape than the first, or that the network
                cannot take, or codes outside the input's format.
        """
        for source in self._network.inputs:
            if source.name not in rows:
                raise HwrtsError(f"stream: input {source.name!r} has no row; push one of every input at once")
            row = checked_codes(source, np.asarray(rows[source.name])[None])[0]
            if self._width is None:
                self._start(len(row))
            if self._width != len(row):
                raise HwrtsError(
                    f"stream: a row of {len(row)} pixels follows rows of {self._width}; feed rows "
                    "of one width"
                )
            self._hand(source.name, row)
        return self._advance()

    def _start(self, width: int) -> None:
        network = self._network
        network.check_size(network.smallest[0], width)
        self._width = width
        for layer in network.layers:
            formats, rounding = network.formats_of(layer.sources), network.rule_of(layer)
            if self._path == "fast":
                _, columns = network.size_of(layer.sources[0], network.multiple, width)
                self._rows[layer.name] = layer.rows(formats, rounding, columns)
            else:
                self._rows[layer.name] = layer.defined_rows(formats, rounding)

    def finish(self) -> Iterator[Row]:
        """The output rows that are still inside after the last input row; errors as in :meth:`finish_all`."""
        for rows in self.finish_all():
            yield from rows[self._network.output]

    def finish_all(self) -> Iterator[dict[str, list[Row]]]:
        """The rows of every output that are still inside after the last input row, tick by tick.

        Raises:
            HwrtsError: A number of rows that the network cannot take.
        """
        if self._width is None:
            return
        network, height = self._network, self._tick
        network.check_size(height, self._width)
        self._ends = {name: network.size_of(name, height, self._width)[0] for name in network.tensors}
        while any(given < self._ends[name] for name, given in self._given.items()):
            yield self._advance()

    def _advance(self) -> dict[str, list[Row]]:
        """One tick: every layer takes the steps that are planned for it."""
        out: dict[str, list[Row]] = {name: [] for name in self._given}
        for layer in self._network.layers:
            until = self._plan.steps_done(layer.name, self._tick)
            for step in range(self._next[layer.name], until):
                for row in self._step(layer, step):
                    if layer.name in out:
                        kind = self._network.formats[layer.name].dtype
                        out[layer.name].append(row.astype(kind, copy=False))
                    self._hand(layer.name, row)
            self._next[layer.name] = max(self._next[layer.name], until)
        for name, wires in self._into.items():
            for wire in wires.values():
                wire.let_go(self._next[name])
        self._tick += 1
        for name, rows in out.items():
            self._given[name] += len(rows)
        return out

    def _hand(self, name: str, row: Row) -> None:
        for wire in self._from[name]:
            wire.arrive(row)

    def _step(self, layer: Layer, step: int) -> Sequence[Row]:
        """What a layer makes in one step; nothing where there is none, above or below the picture."""
        rows, window = self._rows[layer.name], self._windows[layer.name]
        end = None if self._ends is None else self._ends[layer.sources[0]]
        wires = self._into[layer.name]
        read = {source: wire.read(step, end) for source, wire in wires.items()}
        rows.feed([read[source] for source in layer.sources])
        if step < 0 or (end is not None and step * window.shrink + window.cut >= end):
            rows.skip()
            return ()
        return rows.take()


def stream(network: Network, rows: Iterable[Row], path: RunPath = "fast") -> Iterator[Row]:
    """The output rows (W', C') of a network, each as soon as the rows it depends on have arrived.

    Args:
        network: The integer network, with one input; of several outputs the first.
        rows: Rows (W, C) of codes from top to bottom.
        path: As in :func:`hwrts.fixed_point.run`.

    Raises:
        HwrtsError: Rows of different lengths, codes outside the input's format, several inputs.
    """
    run = LineRun(network, path)
    for row in rows:
        yield from run.push(row)
    yield from run.finish()


def stream_all(
    network: Network, rows: Iterable[Mapping[str, Row]], path: RunPath = "fast"
) -> Iterator[dict[str, list[Row]]]:
    """The rows of every output, tick by tick, of rows of every input by name; errors as in LineRun."""
    run = LineRun(network, path)
    for each in rows:
        yield run.push_all(each)
    yield from run.finish_all()
