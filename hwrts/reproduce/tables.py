"""From measurements to rows, paper and measurement side by side; pure, no file and no picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hwrts.metrics import Artefacts
from hwrts.metrics.viqet import UNITS
from hwrts.report import paper
from hwrts.reproduce.sentences import Finding, changes

Cell = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column: its heading with the unit, and the decimals that a page shows (None for words and counts)."""

    title: str
    decimals: int | None = None


@dataclass(frozen=True)
class Table:
    """What a table or figure of the paper became.

    Attributes:
        name: As on the command line.
        title: What it shows.
        columns: One for each cell of a row.
        rows: Numbers as measured; None where there is none.
        findings: What agrees with the paper and what does not.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    findings: tuple[Finding, ...] = field(default=())


@dataclass(frozen=True)
class Quality:
    """Means of a set of pictures: unclipped MOS, MOS clipped to 1..4.5, features in the order of UNITS."""

    mos_raw: float
    mos: float
    features: tuple[float, ...]


@dataclass(frozen=True)
class NetworkResult:
    """One network of Table 3: steps of each stage, MOS of HR0, HR1, ..., of its int8 HR1, ..., seconds."""

    label: str
    parameters: int
    steps: tuple[int, ...]
    mos: tuple[float, ...]
    mos_int8: tuple[float, ...]
    seconds_train: float
    seconds_targets: float
    seconds_int8: float


def difference_rows(
    measured: Sequence[tuple[float, float]], int8: Sequence[tuple[float, float]]
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows of Table 1.

    Args:
        measured: For each stage the difference from HR0 in % of full scale, and of mean brightness.
        int8: The same of the int8 networks; empty without them.
    """
    columns = [
        Column("stage"),
        Column("paper: difference from HR0, %", 2),
        Column("difference, % of full scale", 2),
        Column("paper: change", 2),
        Column("change", 2),
        Column("difference, % of mean brightness", 2),
    ]
    if int8:
        columns += [Column("int8: difference, % of full scale", 2), Column("int8: change", 2)]
    known, known_changes = paper.DIFFERENCE_PERCENT, changes(paper.DIFFERENCE_PERCENT)
    grown, grown_int8 = changes([a for a, _ in measured]), changes([a for a, _ in int8])
    rows: list[tuple[Cell, ...]] = []
    for i, (full, brightness) in enumerate(measured):
        row: list[Cell] = [f"HR{i + 1}", known[i] if i < len(known) else None, full]
        row += [round(known_changes[i], 2) if i < len(known) else None, grown[i], brightness]
        rows.append((*row, *((int8[i][0], grown_int8[i]) if int8 else ())))
    return tuple(columns), tuple(rows)


def usm_rows(
    measured: Sequence[float], usm: Sequence[float]
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows of Fig. 4: differences from HR0 in % of full scale, of HR_n and of n unsharp masks."""
    columns = (
        Column("n"),
        Column("paper: HRn, %", 2),
        Column("HRn, %", 2),
        Column("change", 2),
        Column("USM n times, %", 2),
        Column("change of USM", 2),
    )
    known = paper.DIFFERENCE_PERCENT
    rows = tuple(
        (i + 1, known[i] if i < len(known) else None, level, change, masked, masked_change)
        for i, (level, change, masked, masked_change) in enumerate(
            zip(measured, changes(measured), usm, changes(usm), strict=True)
        )
    )
    return columns, rows


def quality_rows(
    measured: Mapping[str, Quality],
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows of Table 2 by the name of the pictures; the paper has no "HR1 int8"."""
    columns = [Column("pictures"), Column("paper: MOS", 3), Column("MOS, raw", 3), Column("MOS, clipped", 3)]
    for name, unit in UNITS.items():
        heading = f"{name}, {unit}" if unit else name
        columns += [Column(f"paper: {heading}", 1), Column(heading, 1)]
    rows: list[tuple[Cell, ...]] = []
    for name, found in measured.items():
        known = paper.QUALITY.get(name)
        row: list[Cell] = [name, known.mos if known else None, found.mos_raw, found.mos]
        for i, value in enumerate(found.features):
            row += [known.features[i] if known else None, value]
        rows.append(tuple(row))
    return tuple(columns), tuple(rows)


def artefact_rows(
    measured: Mapping[str, tuple[float, Artefacts]],
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows beside Fig. 5: the raw MOS of pictures by name, and what it was bought with."""
    columns = (
        Column("pictures"),
        Column("MOS, raw", 3),
        Column("overshoot at edges, mean, codes", 2),
        Column("overshoot at edges, 99 %, codes", 1),
        Column("noise gain in flat areas", 2),
    )
    rows = tuple(
        (name, mos, found.overshoot, found.overshoot_99, found.noise_gain)
        for name, (mos, found) in measured.items()
    )
    return columns, rows


def network_rows(
    measured: Sequence[NetworkResult],
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows of Table 3."""
    stages = max(len(result.mos) for result in measured)
    int8 = any(result.mos_int8 for result in measured)
    columns = [Column("network"), Column("paper: parameters"), Column("parameters"), Column("steps")]
    for n in range(stages):
        columns += [Column(f"paper: HR{n}", 3), Column(f"HR{n}", 3)]
    columns += [Column("training, s", 0), Column("HRn of all photographs, s", 0)]
    if int8:
        columns += [Column(f"int8: HR{n}", 3) for n in range(1, stages)] + [Column("int8, s", 0)]
    rows: list[tuple[Cell, ...]] = []
    for result in measured:
        known = paper.NETWORKS.get(result.label)
        row: list[Cell] = [result.label, known.parameters if known else None, result.parameters]
        row.append(" + ".join(f"{steps:,}" for steps in result.steps))
        for n, value in enumerate(result.mos):
            row += [known.mos[n] if known and n < len(known.mos) else None, value]
        row += [result.seconds_train, result.seconds_targets]
        if result.mos_int8:
            row += [*result.mos_int8, result.seconds_int8]
        elif int8:
            row += [None] * stages
        rows.append(tuple(row))
    return tuple(columns), tuple(rows)
