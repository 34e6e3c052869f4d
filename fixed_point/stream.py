"""Line-buffer execution: rows in, rows out, and in between only the rows that a circuit would keep."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from .codes import Codes, RunPath, checked_codes
from .errors import HwrtsError
from .lines import plan_lines
from .network import Network
from .operators import Layer
from .rows import Row, Rows
from .steps import registers_of, whole_frame
from .wire import Wire


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
        self._held, self._registers = registers_of(network.steps), dict[str, Codes]()
        self._sized = {  # the source whose rows say where a picture ends
            layer.name: next((each for each in layer.sources if each not in self._held), layer.sources[0])
            for layer in network.layers
        }
        self._windows = windows = {layer.name: layer.window for layer in network.layers}
        wires: dict[tuple[str, str], Wire] = {}
        waiting = list(self._plan.edges)
        while waiting:  # a wire after the one that it reads from
            edge = waiting.pop(0)
            if edge.tap is not None and (edge.tap, edge.source) not in wires:
                waiting.append(edge)
                continue
            owner = wires[edge.tap, edge.source] if edge.tap else None
            wires[edge.reader, edge.source] = Wire(edge, windows[edge.reader], owner)
        self._from: dict[str, list[Wire]] = {name: [] for name in network.tensors}
        self._into: dict[str, dict[str, Wire]] = {layer.name: {} for layer in network.layers}
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

        An input of one pixel is a register: its pixel (1, C) comes with the first row, and stays.

        Raises:
            HwrtsError: An input has no row, or one of another shape than the first, or that the network
                cannot take, or codes outside the input's format.
        """
        if self._tick == 0:
            self._set_registers(rows)
        for source in self._network.inputs:
            if source.name in self._held:
                continue
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

    def _set_registers(self, given: Mapping[str, Row]) -> None:
        network = self._network
        for source in network.inputs:
            if source.name in self._held:
                if source.name not in given:
                    raise HwrtsError(
                        f"stream: input {source.name!r} has no pixel; push it with the first row"
                    )
                self._registers[source.name] = checked_codes(source, np.asarray(given[source.name])[None])
        for layer in network.layers:
            if layer.name in self._held:
                xs = [self._registers[source] for source in layer.sources]
                formats = network.formats_of(layer.sources)
                self._registers[layer.name] = layer.define(xs, formats, network.rule_of(layer))

    def _start(self, width: int) -> None:
        network = self._network
        network.check_size(network.smallest[0], width)
        self._width = width
        for layer in network.layers:
            formats, rounding = network.formats_of(layer.sources), network.rule_of(layer)
            if self._path == "fast":
                _, columns = network.size_of(self._sized[layer.name], network.multiple, width)
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
            if layer.name in self._held:
                if layer.name in out and self._tick == 0:
                    out[layer.name].append(self._registers[layer.name][0])
                continue
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
        end = None if self._ends is None else self._ends[self._sized[layer.name]]
        read: dict[str, Sequence[Row | None]] = {
            source: wire.read(step, end) for source, wire in self._into[layer.name].items()
        }
        rows.feed([read[each] if each in read else list(self._registers[each]) for each in layer.sources])
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
