"""The bit comparison of a stage as a table: layers down, witnesses across."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.report.crops import png_uri
from hwrts.report.explain import Explanation, first_difference, layer_order, losses
from hwrts.report.stages import StageResult
from hwrts.report.text import NONE, compact, fixed, whole

_MODES = ("entire", "single")


@dataclass(frozen=True)
class Cell:
    """Mismatches of compared codes; ``exact`` is the same unabridged."""

    text: str
    exact: str
    failed: bool


@dataclass(frozen=True)
class LayerRow:
    """One layer: its format, what it loses, a cell per column, and the proven bounds of a convolution."""

    name: str
    format: str
    losses: tuple[str, str]
    cells: tuple[Cell | None, ...]
    bounds: tuple[str, ...]
    failed: bool


@dataclass(frozen=True)
class Comparison:
    """Everything the report shows of a stage's verdict.

    Attributes:
        witnesses: Name and modes of each, in column order.
        first: Explanation of the first difference, a command that shows it again, and a map of where on the
            picture codes differ (a data URI), if there is one.
        default_session: What a session without options would have returned, if that is wrong.
    """

    stage: StageResult
    kept: bool
    witnesses: tuple[tuple[str, tuple[str, ...]], ...]
    layers: tuple[LayerRow, ...]
    controls: tuple[tuple[str, str, str, bool], ...]
    census: str
    stimuli: str
    hashes: tuple[tuple[str, str], ...]
    first: tuple[str, str, str | None] | None
    default_session: str | None


def comparison(stage: StageResult, run: Path, *, kept: bool) -> Comparison:
    """The tables of a stage.

    Args:
        stage: Its verdict.
        run: The run's folder, for the command that reproduces a difference.
        kept: Whether the run kept this stage.
    """
    verify, first = stage.verify, first_difference(stage.verify, stage.name, run)
    stimuli = verify.get("stimuli", {})
    sizes = (f"{name} ({_size(shape)})" for name, shape in stimuli.items())
    return Comparison(
        stage,
        kept,
        _witnesses(stage),
        _layers(stage),
        tuple(
            (each["name"], whole(each["mismatches"]), whole(each["compared"]), bool(each["caught"]))
            for each in stage.controls
        ),
        ", ".join(f"{op} {n}" for op, n in verify.get("census", {}).items()),
        ", ".join(sizes),
        tuple(verify.get("sha256", {}).items()),
        None if first is None else (first.text, first.command, _map(first)),
        _default_session(stage),
    )


def _size(shape: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """Width and height; of each input by name where there are several."""
    if isinstance(shape, Mapping):
        return ", ".join(f"{name} {_size(each)}" for name, each in shape.items())
    return f"{shape[1]}\u00d7{shape[0]}"


def _witnesses(stage: StageResult) -> tuple[tuple[str, tuple[str, ...]], ...]:
    modes: dict[str, set[str]] = {}
    for row in stage.rows:
        modes.setdefault(row["witness"], set()).add(row["mode"])
    # A witness that saw only one mode (the file itself) goes last; rows are sorted by mismatches, so by name.
    ordered = sorted(modes, key=lambda name: (-len(modes[name]), name))
    return tuple((name, tuple(sorted(modes[name], key=_mode_order))) for name in ordered)


def _mode_order(mode: str) -> int:
    return _MODES.index(mode) if mode in _MODES else len(_MODES)


def _layers(stage: StageResult) -> tuple[LayerRow, ...]:
    columns = [(name, mode) for name, modes in _witnesses(stage) for mode in modes]
    found = {(row["witness"], row["mode"], row["layer"]): row for row in stage.rows}
    formats, bounds = stage.verify.get("formats", {}), stage.verify.get("bounds", {})
    layers, worst = [], {}
    for name in layer_order(stage.verify):
        cells = tuple(_cell(found.get((witness, mode, name))) for witness, mode in columns)
        worst[name] = sum(row["mismatches"] for row in stage.rows if row["layer"] == name)
        failed = any(cell is not None and cell.failed for cell in cells)
        sqnr_db, clamped = losses(stage.verify, name)
        lost = fixed(sqnr_db, 1), fixed(clamped, 3)
        layers.append(LayerRow(name, formats.get(name, NONE), lost, cells, _bounds(bounds.get(name)), failed))
    return tuple(sorted(layers, key=lambda layer: (-worst[layer.name], not layer.failed)))


def _cell(row: dict[str, Any] | None) -> Cell | None:
    if row is None:
        return None
    mismatches, compared = row["mismatches"], row["compared"]
    exact = f"{whole(mismatches)} of {whole(compared)} codes differ"
    if mismatches:
        exact += "" if row["largest"] is None else f", by up to {row['largest']:g}"
    return Cell(f"{compact(mismatches)}/{compact(compared)}", exact, mismatches > 0 or compared == 0)


def _bounds(entry: dict[str, Any] | None) -> tuple[str, ...]:
    if entry is None:
        return (NONE,) * 4
    exact = "yes" if entry["exact_in_float32"] else "no"
    return (whole(entry["lowest"]), whole(entry["highest"]), whole(entry["partial_sum"]), exact)


def _map(first: Explanation) -> str | None:
    return None if first.where is None else _heat_map(np.array(first.where))


def _heat_map(counts: NDArray[np.int64]) -> str:
    """Cells without a difference dark blue, the others from orange to white with their number."""
    strength = np.log1p(counts) / np.log1p(max(int(counts.max()), 1))  # (rows, columns), 0..1
    hot = np.stack([np.full_like(strength, 255.0), 120 + 135 * strength, 255 * strength**2], axis=-1)
    colours = np.where(counts[..., None] > 0, hot, [20.0, 30.0, 60.0]).astype(np.uint8)
    enlarged = max(1, 256 // max(counts.shape))
    return png_uri(colours.repeat(enlarged, axis=0).repeat(enlarged, axis=1))


def _default_session(stage: StageResult) -> str | None:
    wrong = stage.verify.get("default_session_mismatches") or 0
    if not wrong:
        return None
    vnni = (stage.verify.get("cpu") or {}).get("vnni")
    cpu = "This CPU has no VNNI" if vnni is False else "On this CPU"
    layers = ", ".join(stage.verify.get("int16_pairs_can_saturate", []))
    return (
        f"{cpu}: an ONNX Runtime session opened without session.x64quantprecision=1 returns {whole(wrong)} "
        "wrong codes on these pictures, because its default int8 kernel saturates the sum of two products at "
        f"16 bits (docs/arithmetic.md, eq. 14{'; possible in ' + layers if layers else ''}). Open the "
        "session with that entry, as the comparison above did, or quantise with --reduce-range (7-bit "
        "weights), which cannot saturate."
    )
