"""Line-buffer execution: rows in, rows out, and in between only the rows that a circuit would keep."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .codes import Codes, RunPath, checked_codes
from .errors import HwrtsError
from .fast import in_parts
from .lines import Edge, plan_lines
from .network import Network
from .operators import Layer
from .rows import Row, Rows


class _Wire:
    """An edge with its memory: a FIFO or a tap in front, the line buffer of the reader's window behind it."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.fifo: deque[Row | None] = deque([] if edge.tap else [None] * edge.delay)
        self.buffer: deque[Row | None] = deque([None] * (edge.kernel - 1), maxlen=edge.kernel - 1)
        self.taken: Row | None = None
        self.windows: deque[list[Row | None]] = deque()
        """Windows of K rows that the reader has not worked on yet."""

    def take(self, row: Row | None, owner: "_Wire | None") -> None:
        """Advance by one row of the source; line buffers still show the rows before it."""
        if owner is None:
            self.fifo.append(row)
            self.taken = self.fifo.popleft()
        else:
            back = self.edge.delay - owner.edge.delay
            self.taken = owner.buffer[-back] if back else owner.taken

    def keep(self) -> None:
        """Hand the window to the reader and move the line buffer on."""
        self.windows.append([*self.buffer, self.taken])
        self.buffer.append(self.taken)

    @property
    def kept(self) -> int:
        """Codes that are kept until the next row comes."""
        return sum(row.size for row in (*self.fifo, *self.buffer) if row is not None)


class LineRun:
    """A network at work on one picture, fed row by row.

    Every tensor advances in step with the input, as in hardware: a row that is not there yet, above the
    picture, or not there any more, below it, is nothing to add, as in eq. 2, or replicated, as in eq. 17.

    Args:
        network: The integer network, with one input.
        path: "int64" is the definition; "fast" uses float BLAS where it is proved exact.

    Attributes:
        peak_bits: For each layer, the most bits of codes that its line buffers and FIFOs held between two
            rows so far.
    """

    def __init__(self, network: Network, path: RunPath = "fast") -> None:
        if len(network.inputs) != 1:
            raise HwrtsError(f"stream: the network has {len(network.inputs)} inputs; one can be streamed")
        if network.outputs != (network.layers[-1].name,):
            raise HwrtsError(f"stream: the network has {len(network.outputs)} outputs; one can be streamed")
        self._network, self._path = network, path
        wires = [_Wire(edge) for edge in plan_lines(network.steps).edges]
        owners = {(wire.edge.reader, wire.edge.source): wire for wire in wires}
        self._from: dict[str, list[tuple[_Wire, _Wire | None]]] = {name: [] for name in network.tensors}
        self._into: dict[str, list[_Wire]] = {layer.name: [] for layer in network.layers}
        for wire in wires:
            owner = owners[wire.edge.tap, wire.edge.source] if wire.edge.tap else None
            self._from[wire.edge.source].append((wire, owner))
            self._into[wire.edge.reader].append(wire)
        self._rows: dict[str, Rows] = {}
        self._width: int | None = None
        self._owed = 0
        self.peak_bits = {layer.name: 0 for layer in network.layers}

    def push(self, row: Row) -> list[Row]:
        """Feed one row (W, C) of codes; returns the output rows (W', C') that it completes.

        Raises:
            HwrtsError: A row of another shape than the first, or codes outside the input's format.
        """
        source = self._network.inputs[0]
        row = checked_codes(source, np.asarray(row)[None])[0]
        if self._width is None:
            self._start(len(row))
        if self._width != len(row):
            raise HwrtsError(f"stream: a row of {len(row)} pixels follows rows of {self._width}")
        self._owed += self._network.scales[self._network.output]
        return self._tick(row)

    def _start(self, width: int) -> None:
        self._width, network = width, self._network
        for layer in network.layers:
            formats, columns = network.formats_of(layer.sources), width * network.scales[layer.sources[0]]
            if self._path == "fast":
                self._rows[layer.name] = layer.rows(formats, network.rounding, columns)
            else:
                self._rows[layer.name] = layer.defined_rows(formats, network.rounding)

    def finish(self) -> Iterator[Row]:
        """The output rows that are still inside after the last input row."""
        while self._owed:
            yield from self._tick(None)

    def _tick(self, row: Row | None) -> list[Row]:
        self._distribute(self._network.inputs[0].name, [row])
        made: list[Row | None] = []
        for layer in self._network.layers:
            made = self._layer_rows(layer)
            if layer.name != self._network.output:
                self._distribute(layer.name, made)
        formats = self._network.formats
        for name, wires in self._into.items():
            kept = sum(wire.kept * formats[wire.edge.source].bits for wire in wires)
            self.peak_bits[name] = max(self.peak_bits[name], kept)
        dtype = formats[self._network.output].dtype
        out = [codes.astype(dtype, copy=False) for codes in made if codes is not None][: self._owed]
        self._owed -= len(out)
        return out

    def _distribute(self, name: str, rows: list[Row | None]) -> None:
        """Hand the new rows of a tensor to its readers, each delayed as planned."""
        for row in rows:
            for wire, owner in self._from[name]:  # every read comes before any line buffer moves on
                wire.take(row, owner)
            for wire, _ in self._from[name]:
                wire.keep()

    def _layer_rows(self, layer: Layer) -> list[Row | None]:
        """What a layer makes of the rows that have arrived since the last tick."""
        wires = self._into[layer.name]
        made: list[Row | None] = []
        while wires[0].windows:
            windows = {wire.edge.source: wire.windows.popleft() for wire in wires}
            made += self._compute(layer, [windows[source] for source in layer.sources])
        return made

    def _compute(self, layer: Layer, windows: list[list[Row | None]]) -> Sequence[Row | None]:
        rows, shape = self._rows[layer.name], layer.window
        rows.feed(windows)
        if any(window[shape.before] is None for window in windows):  # above or below the picture
            rows.skip()
            return [None] * shape.grow
        return rows.take()


def stream(network: Network, rows: Iterable[Row], path: RunPath = "fast") -> Iterator[Row]:
    """The output rows (W', C') of a network, each as soon as the rows it depends on have arrived.

    Args:
        network: The integer network, with one input.
        rows: Rows (W, C) of codes from top to bottom.
        path: As in :func:`hwrts.fixed_point.run`.

    Raises:
        HwrtsError: Rows of different lengths, codes outside the input's format, several inputs.
    """
    run = LineRun(network, path)
    for row in rows:
        yield from run.push(row)
    yield from run.finish()


def run_rows(network: Network, codes: Codes) -> Codes:
    """The output codes (H', W', C') for a whole picture (H, W, C), on the fast path, all cores at work.

    Each core streams a part of the rows through all layers, with the margin that its first and last rows
    depend on; what a part needs in between stays in that core's caches.
    """
    height, width, _ = codes.shape
    scale, margin = network.scales[network.output], network.halo
    size = (height * scale, width * scale, network.channels[network.output])
    out = np.empty(size, network.formats[network.output].dtype)

    def compute(top: int, bottom: int) -> None:
        first = max(0, top - margin)
        part = codes[first : min(height, bottom + margin)]
        for y, row in enumerate(stream(network, part), first * scale):
            if top * scale <= y < bottom * scale:
                out[y] = row

    in_parts(height, compute)
    return out
