"""What a sweep found: one row per configuration, the fronts, the best network, as tables and files."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwrts.command_line import command_line
from hwrts.files.atomic import write_atomic
from hwrts.files.read import LARGEST
from hwrts.runs.folder import write_json
from hwrts.runs.remarks import below_bicubic, remarks
from hwrts.sweep.folder import entries, finished, open_sweep
from hwrts.sweep.front import pareto_front
from hwrts.sweep.space import wanted
from hwrts.sweep.trial import trial_folder

FRONT_COSTS = ("params", "macs", "line_kib", "weight_kib")
"""Costs that quality is plotted against."""

Row = dict[str, Any]


def read_rows(root: Path) -> list[Row]:
    """Every configuration within the budget, at the furthest rung that it finished; cheapest first.

    A row has the axes, the costs (None of a circuit that there is not), and: ``key``; ``rung``, -1 if nothing
    is finished; ``final``, whether it was trained to the end; ``quality_float``, ``quality_int8``;
    ``passed``, ``compared``, ``mismatches``; ``bicubic``, the x2 PSNR of interpolation on the same
    photographs, and whether int8 is ``below_bicubic``; ``remarks``, what is wrong with its pictures, in words
    (`hwrts.runs.remarks`), if any; ``seconds`` of all rungs; ``run``, the run folder below the sweep's, and
    ``stage``, the network in it.
    """
    spec, _ = open_sweep(root)
    rows = []
    for entry in entries(root):
        done = [found for rung in range(spec.halving.rungs) if (found := finished(root, entry["key"], rung))]
        costs = {unit: None if value == LARGEST else value for unit, value in entry["costs"].items()}
        row: Row = {**{axis: cell(value) for axis, value in entry["values"].items()}, **costs}
        row |= {"key": entry["key"], "rung": len(done) - 1, "final": len(done) == spec.halving.rungs}
        row["seconds"] = round(sum(each["seconds"] for each in done), 2)
        for name in ("quality_float", "quality_int8", "passed", "compared", "mismatches", "stage"):
            row[name] = done[-1][name] if done else None
        measures = done[-1].get("measures", {}) if done else {}
        row["bicubic"] = measures.get("psnr_bicubic_db")
        row["below_bicubic"] = below_bicubic(measures) is not None
        row["remarks"] = "; ".join(remarks(measures))
        run = trial_folder(Path(), entry["key"], len(done) - 1)
        row["run"] = run.as_posix() if done else None
        rows.append(row)
    return sorted(rows, key=lambda row: (row["params"], row["key"]))


def results_of(rows: list[Row]) -> list[Row]:
    """The rows that count: trained to the end and proved."""
    return [row for row in rows if row["final"] and row["passed"]]


def below_bicubic_of(count: int, results: int) -> str:
    """How many results are below bicubic, in words; empty if none is."""
    return f"{count} of {results} results are below bicubic" if count else ""


def front(rows: list[Row], cost: str, quality: str) -> list[Row]:
    """Of the results, those that no other one beats at its cost, cheapest first."""
    found = results_of(rows)
    return [found[i] for i in pareto_front([(row[cost], row[quality]) for row in found])]


def export_command(root: Path, row: Row) -> str:
    """What hands the network of a result over."""
    return command_line("export", root / row["run"], "--stage", row["stage"], "-o", "handover")


def best(rows: list[Row], at_most: Mapping[str, float] | None = None) -> Row | None:
    """The result of best int8 quality; of equal ones the cheaper in parameters.

    Args:
        rows: As :func:`read_rows` gives them.
        at_most: A tighter budget, by unit of cost: a result that fits is proved already.
    """
    limits = dict(at_most or {})
    fitting = [
        row
        for row in results_of(rows)
        if all(row[unit] is not None and row[unit] <= most for unit, most in limits.items())
    ]
    return max(fitting, key=lambda row: (row["quality_int8"], -row["params"]), default=None)


def status(root: Path) -> dict[str, Any]:
    """How far a sweep is."""
    spec, document = open_sweep(root)
    rows = read_rows(root)
    reached = [row["rung"] for row in rows]
    chosen = document.get("promoted", {})
    return {
        "folder": str(root),
        "configurations": wanted(spec),
        "in_budget": len(rows),
        "rungs": [
            {
                "rung": rung,
                "chosen": len(rows) if rung == 0 else len(chosen.get(str(rung), ())),
                "finished": sum(each >= rung for each in reached),
            }
            for rung in range(spec.halving.rungs)
        ],
        "results": len(results_of(rows)),
        "below_bicubic": sum(row["below_bicubic"] for row in results_of(rows)),
        "failed_comparison": sum(row["passed"] is False for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }


def write_tables(root: Path, rows: list[Row]) -> list[Path]:
    """results.json, results.csv and results.parquet; returns their paths."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    spec, _ = open_sweep(root)
    fronts = {
        cost: {
            kind: [row["key"] for row in front(rows, cost, f"quality_{kind}")] for kind in ("float", "int8")
        }
        for cost in FRONT_COSTS
    }
    top = best(rows)
    document = {
        "schema": "hwrts sweep results",
        "schema_version": 1,
        "quality": spec.quality,
        "best": top["key"] if top else None,
        "fronts": fronts,
        "rows": rows,
    }
    write_json(root / "results.json", document)
    if not rows:
        return [root / "results.json"]
    mixed = {axis for axis in spec.axes if len({type(row[axis]) for row in rows}) > 1}  # such as 80, "none"
    table = pa.Table.from_pylist(
        [{key: str(value) if key in mixed else value for key, value in row.items()} for row in rows]
    )
    for name, write in (("csv", pyarrow.csv.write_csv), ("parquet", pyarrow.parquet.write_table)):
        stream = io.BytesIO()
        write(table, stream)
        write_atomic(root / f"results.{name}", stream.getvalue())
    return [root / f"results.{name}" for name in ("json", "csv", "parquet")]


def cell(value: Any) -> Any:
    """A value of an axis as a table holds it: tables and lists as JSON."""
    return value if isinstance(value, int | float | str) else json.dumps(value)
