"""Comparing codes: exact, counted, and explained down to the accumulator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Layer, Network

GRID = 64
"""Most cells on each side of the map of differences."""


@dataclass(frozen=True)
class Difference:
    """The first code that differs, with everything an RTL engineer asks next.

    Attributes:
        stimulus: Name of the input.
        index: (row, column, channel).
        expected: Code of the int64 definition.
        found: Code of the witness.
        accumulator: Exact accumulator there, None for a layer that only moves codes.
        shift: Bits dropped there, None for a layer that only moves codes.
        rounding: Tie rule, None for a layer that rounds nothing.
    """

    stimulus: str
    index: tuple[int, int, int]
    expected: int
    found: float
    accumulator: int | None
    shift: int | None
    rounding: str | None


@dataclass(frozen=True)
class Row:
    """One witness at one layer over all stimuli so far.

    Attributes:
        witness: Name of the witness.
        mode: "single": fed the definition's own codes; "entire": fed by its own predecessors.
        layer: Name of the tensor.
        compared: Codes compared.
        mismatches: Codes that differ, non-finite and non-integer ones included.
        largest: Largest difference in codes.
        first: The first difference, if any.
        where: For the stimulus of the first difference, the number of codes that differ in each cell of a
            grid laid over the picture, rows from the top; see :data:`GRID`.
    """

    witness: str
    mode: str
    layer: str
    compared: int = 0
    mismatches: int = 0
    largest: float = 0.0
    first: Difference | None = None
    where: tuple[tuple[int, ...], ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for verify.json; what is not finite becomes null, which JSON can say."""
        return {**_finite(asdict(self)), "first": _finite(asdict(self.first)) if self.first else None}


def _finite(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in entries.items()
    }


def compare(
    row: Row,
    network: Network,
    stimulus: str,
    expected: NDArray[Any],
    found: NDArray[Any] | None,
    operands: Mapping[str, NDArray[Any]],
) -> Row:
    """A row with one more stimulus counted. Exact equality is the only agreement.

    Args:
        row: Counts so far.
        network: The network, for the explanation of a first difference.
        stimulus: Name of the input.
        expected: Codes (H, W, C) of the definition.
        found: Codes of the witness; None or another shape counts as all different.
        operands: The definition's codes of the layer's sources.
    """
    if found is None or found.shape != expected.shape:
        found = np.full(expected.shape, np.nan)
    differs = ~(found == expected)  # not "!=": a NaN must count
    count = int(np.count_nonzero(differs))
    row = replace(row, compared=row.compared + expected.size, mismatches=row.mismatches + count)
    if not count:
        return row
    distance = np.abs(np.where(differs, found.astype(np.float64) - expected, 0.0))
    largest = float(np.nan_to_num(distance, nan=np.inf, posinf=np.inf).max())
    row = replace(row, largest=max(row.largest, largest))
    if row.first is not None:
        return row
    first = _explain(network, row.layer, stimulus, expected, found, differs, operands)
    return replace(row, first=first, where=_where(differs))


def _where(differs: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Differences (H, W, C) counted in the cells of a grid."""
    counts = differs.sum(axis=2)  # (H, W)
    for axis in (0, 1):
        starts = np.arange(0, counts.shape[axis], -(-counts.shape[axis] // GRID))
        counts = np.add.reduceat(counts, starts, axis=axis)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _explain(
    network: Network,
    layer: str,
    stimulus: str,
    expected: NDArray[Any],
    found: NDArray[Any],
    differs: NDArray[np.bool_],
    operands: Mapping[str, NDArray[Any]],
) -> Difference:
    y, x, channel = (int(i) for i in np.argwhere(differs)[0])
    made: Layer = network.layer(layer)
    accumulator = shift = None
    formats = network.formats_of(made.sources)
    acc, shifts = made.sums([operands[each] for each in made.sources], formats), made.shift(*formats)
    if acc is not None and shifts is not None:  # of what moves codes there is no sum to show
        accumulator = int(acc[y, x, channel])
        shift = int(np.broadcast_to(shifts, acc.shape)[y, x, channel])
    computed = acc is not None or bool(made.rounds(*formats).any())
    rounding = network.rule_of(made).value if computed else None
    value = float(found[y, x, channel])
    return Difference(
        stimulus, (y, x, channel), int(expected[y, x, channel]), value, accumulator, shift, rounding
    )
