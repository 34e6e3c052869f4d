"""What a circuit is made of, from formulas: what Yosys counts of it before anything is mapped."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.flip_flops import flip_flops_of
from hwrts.export.rtl.gates import gates_of, multipliers_of
from hwrts.export.rtl.routes import Route, bursts, words_of
from hwrts.export.rtl.stream import Stream
from hwrts.fixed_point import Conv, plan_lines


@dataclass(frozen=True)
class Counts:
    """A circuit in numbers.

    Attributes:
        multipliers: Of a code and a weight of convolutions, and of two codes (S1).
        gates: Gate equivalents of those of convolutions, with their sums and registers (S8).
        flip_flops: Of all modules; those that memories are read into are parts of these (S9).
        window_bits: Line memories of the windows (S2).
        row_bits: Rows that wait for another operand, whole rows alone (S3).
        queue_bits: Words of queues beside those: what pipelines need (S4).
        output_bits: Rows of blocks that are given later, and blocks that come meanwhile (S5); of all that
            are parted into pixels, at the way out or in front of a window.
        constant_bits: Weights, biases with their shifts, and a table for each lane (S6).
        planned_bits: Line memory as hwrts cost has it, for frames as wide; of a network that it has no plan
            of, as whole pictures must wait, that of this circuit.
        cycles: Clocks for a pixel of the input (S7).
        latency_rows: Rows of the input after which the first of the output is there.
    """

    multipliers: int
    gates: int
    flip_flops: int
    window_bits: int
    row_bits: int
    queue_bits: int
    output_bits: int
    constant_bits: int
    planned_bits: int
    cycles: int
    latency_rows: int

    @property
    def memory_bits(self) -> int:
        """All memories but those of constants."""
        return self.window_bits + self.row_bits + self.queue_bits + self.output_bits

    def times(self, strips: int) -> "Counts":
        """Of so many circuits side by side."""
        added = [field.name for field in fields(self) if field.name not in ("cycles", "latency_rows")]
        return replace(self, **{name: strips * getattr(self, name) for name in added})

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"memory_bits": self.memory_bits}


def counts_of(circuit: Circuit) -> Counts:
    """Count a circuit (docs/silicon.md, S1 to S7)."""
    network, widest = circuit.network, circuit.settings.widest
    plan = plan_lines(network.steps)
    kept = {(route.source, route.tap, route.rows) for route in circuit.routes}
    parted = [circuit.streams[name] for name in network.outputs if circuit.streams[name].grow > 1]
    queues = sum(bits for route, bits in _queues(circuit) if not _in_squares(circuit, route))
    output = sum(bits for route, bits in _queues(circuit) if _in_squares(circuit, route))
    for name in circuit.tensors.parted:
        made = circuit.tensors.made[name]
        parted.append(made)
        output += words_of(2 + bursts(circuit.tensors, name, circuit.cycles, widest)) * made.bits
    windows = sum(
        (circuit.modules[layer.name].window_rows or 0)
        * _bits_of_a_row(circuit, circuit.streams[layer.sources[0]])
        for layer in network.layers
    )
    rows = sum(rows * _bits_of_a_row(circuit, circuit.streams[name]) for name, _, rows in kept)
    planned = windows + rows if plan.latency is None else sum(plan.bits(widest).values())
    return Counts(
        multipliers=multipliers_of(network, circuit.foldings),
        gates=gates_of(network, circuit.foldings),
        flip_flops=flip_flops_of(circuit),
        window_bits=windows,
        row_bits=rows,
        queue_bits=queues,
        output_bits=output
        + sum((each.grow - 1) * _bits_of_a_row(circuit, each) // each.grow for each in parted),
        constant_bits=sum(_constants(circuit, conv) for conv in network.convs) + _tables(circuit),
        planned_bits=planned,
        cycles=circuit.cycles,
        latency_rows=circuit.settings.tallest if plan.latency is None else plan.latency,
    )


def _in_squares(circuit: Circuit, route: Route) -> bool:
    """Whether a route leads out, and what goes there comes in squares."""
    return route.reader is None and circuit.streams[route.source].grow > 1


def _bits_of_a_row(circuit: Circuit, stream: Stream) -> int:
    """Of a memory of a row of words."""
    return _words_of_a_row(circuit, stream) * stream.bits


def _words_of_a_row(circuit: Circuit, stream: Stream) -> int:
    return max(2, stream.size(1, circuit.settings.widest)[1])


def _queues(circuit: Circuit) -> Iterable[tuple[Route, int]]:
    """Bits of the queues of each route, whole rows left out."""
    shared: dict[tuple[str, str | None, int], list[Route]] = {}
    for route in circuit.routes:
        shared.setdefault((route.source, route.tap, route.rows), []).append(route)
    for (source, _, rows), routes in shared.items():
        stream = circuit.streams[source]
        bits, row = stream.bits, _words_of_a_row(circuit, stream)
        longest = max(routes, key=lambda route: route.words or 0)
        for route in routes:
            if not rows:
                yield route, (words_of(route.words) if route.words else 0) * bits
            else:  # one for all of them, and behind it a short one for each where there are several
                own = words_of(2) * bits if len(routes) > 1 else 0
                more = words_of(rows * row + (route.words or 0)) - rows * row
                yield route, own + (more * bits if route is longest else 0)


def _tables(circuit: Circuit) -> int:
    """Bits of tables, one for each lane."""
    network = circuit.network
    return sum(
        layer.work(network.tensors[layer.name]).entries * circuit.streams[layer.name].bits
        for layer in network.layers
    )


def _constants(circuit: Circuit, conv: Conv) -> int:
    """Bits of the memories of weights and of biases."""
    folding, parameters = circuit.foldings[conv.name], circuit.modules[conv.name].parameters
    turns = conv.groups * -(-len(conv.weight_i8) // conv.groups // folding.pe)
    words = folding.cycles(conv)
    widths = parameters["ACC"], parameters["SHIFT_BITS"]
    bias = sum(each for each in widths if isinstance(each, int))
    # a memory of one word is none
    return (words > 1) * words * folding.multipliers * conv.weight_bits + (
        turns > 1
    ) * turns * folding.pe * bias
