"""hwrts sweep: the best network that fits the chip."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.interrupt import LastWords
from hwrts.cli.options import Quiet
from hwrts.errors import ConfigError

if TYPE_CHECKING:
    from hwrts.sweep.runner import Sweep
    from hwrts.sweep.spec import SweepSpec


def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(help="TOML file of the sweep; none: Residual-N by size.", show_default=False),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Most that a network may cost, such as params=30k,line_kib=256.", show_default=False
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of training photographs.", show_default=False)
    ] = None,
    val: Annotated[
        Path | None, typer.Option("--val", help="Folder of validation photographs.", show_default=False)
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the sweep; made or continued.")
    ] = Path("sweep"),
    workers: Annotated[int, typer.Option(help="Processes of this machine.", min=1)] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler, such as tcp://host:8786.", show_default=False),
    ] = None,
    status: Annotated[
        bool,
        typer.Option(
            "--status", help="Show how far the sweep in -o is, and its best network so far within --budget."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Find the networks that give the best picture for their cost, within a budget.

    What costs more than the budget is never trained. The same command continues a sweep that was interrupted.
    """
    from hwrts.cost.budget import parse_budget
    from hwrts.sweep.results import best, export_command, read_rows
    from hwrts.sweep.results import status as read_status

    if status:
        top = best(read_rows(output), None if budget is None else parse_budget(budget))
        found = read_status(output) | {"best": top}
        print_json(found) if json else _print_status(found, output)
        return
    from hwrts.api.sweep import search
    from hwrts.files.lock import writing
    from hwrts.sweep.runner import Sweep

    spec, progress = _spec(file, budget, data, val), ConsoleProgress(quiet)
    with writing(output), LastWords("interrupted; the same command continues"):
        made = Sweep(output, spec)
        for line in _described(made):
            progress.say(line)
        files = search(made, workers, cluster, progress)
    rows = read_rows(output)
    top = best(rows)
    if json:
        print_json({"best": top, "rows": rows, "status": read_status(output), "failed": made.failed})
    else:
        _print_results(made, rows, top)
        for path in files:
            print_line(f"file: {path}")
        _print_failures(made.failed, rows)
        if top is not None:
            print_line(f"next: {export_command(made.root, top)}")
    if top is None:
        raise typer.Exit(1)


def _described(made: "Sweep") -> list[str]:
    """What is searched, for whom, and on what."""
    spec, limits = made.spec, made.spec.budget
    axes = "; ".join(f"{axis} {', '.join(map(str, values))}" for axis, values in spec.axes.items())
    base = {f"{table}.{key}" for table, keys in spec.base.items() if isinstance(keys, dict) for key in keys}
    decided = {"qat.same_size": "head", "rts.score": "quality"}
    most = ", ".join(f"{unit} {amount:,g}" for unit, amount in limits.at_most.items())
    return [
        f"sweep in {made.root}: {made.wanted} configurations by {made.study.method}, "
        f"{spec.halving.rungs} rung(s)",
        f"axes: {axes}",
        f"budget: {f'at most {most}' if most else 'none'} ({limits.mode} {limits.at}); "
        f"quality: {spec.quality}, against {spec.cost}",
        f"photographs: {spec.base.get('data', {}).get('train') or 'the embedded ones'}",
        *(f"base.{key} left out, it follows from {by}" for key, by in decided.items() if key in base),
    ]


def _spec(file: Path | None, budget: str | None, data: Path | None, val: Path | None) -> "SweepSpec":
    """The sweep of a file with what the command line says in its place."""
    from hwrts.api.sweep import sweep_spec
    from hwrts.cost.budget import parse_budget
    from hwrts.settings_file import read_toml

    if file is None and budget is None:
        raise ConfigError("sweep: give a TOML file, or --budget such as params=30k,line_kib=256")
    document: dict[str, Any] = {} if file is None else read_toml(file)
    limits = None if budget is None else parse_budget(budget)
    return sweep_spec(document, str(file or "command line"), limits, data, val)


def _print_status(found: dict[str, Any], root: Path) -> None:
    from hwrts.sweep.folder import open_sweep
    from hwrts.sweep.results import export_command

    rows = [
        [f"rung {each['rung']}", f"{each['chosen']:,}", f"{each['finished']:,}"] for each in found["rungs"]
    ]
    print_line(
        f"{found['folder']}: {found['configurations']} configurations to look at; so far "
        f"{found['in_budget']} are in the budget"
    )
    print_table("", ["", "chosen", "finished"], rows)
    print_line(
        f"{found['results']} results, {found['failed_comparison']} failed the bit comparison, "
        f"{found['seconds']:,.0f} s of work"
    )
    _print_below_bicubic(found["below_bicubic"], found["results"])
    top = found["best"]
    if top is None:
        print_line("no result in the budget yet")
    else:
        _print_best(open_sweep(root)[0], top)
        print_line(f"next: {export_command(root, top)}")


def _print_below_bicubic(count: int, results: int) -> None:
    from hwrts.sweep.results import below_bicubic_of

    if count:
        print_line(below_bicubic_of(count, results))


def _print_failures(failed: dict[str, str], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["key"] in failed:
            print_line(f"failed: {row['key']}: {failed[row['key']]}")
        elif row["passed"] is False:
            print_line(f"FAILED the bit comparison: {row['run']}, see its verify.json")
    if failed:
        print_line("the same command tries again what failed")


def _print_results(made: "Sweep", rows: list[dict[str, Any]], top: dict[str, Any] | None) -> None:
    from hwrts.sweep.page import QUALITY, columns, shown
    from hwrts.sweep.results import front, results_of

    best_of = front(rows, made.spec.cost, "quality_int8")
    wanted = [column for column in columns(made.spec) if column[0] not in ("gmacs", "rung", "seconds")]
    spare = ("weight_kib", "macs", "params", "line_kib", "bicubic")  # never what the front is of
    print_table(
        f"front: {QUALITY[made.spec.quality]} against {made.spec.cost}",
        [title for _, title in wanted],
        [[shown(row, name) for name, _ in wanted] for row in best_of],
        [title for name, title in wanted if name in spare and name != made.spec.cost],
    )
    found = results_of(rows)
    _print_below_bicubic(sum(row["below_bicubic"] for row in found), len(found))
    if top is None:
        print_line("no result: no configuration in the budget was trained to the end and proved")
    else:
        _print_best(made.spec, top)


def _print_best(spec: "SweepSpec", top: dict[str, Any]) -> None:
    settings = ", ".join(f"{axis} = {top[axis]}" for axis in spec.axes)
    beside = f" (bicubic {top['bicubic']:.3f})" if spec.quality == "psnr" and top["bicubic"] else ""
    print_line(
        f"best in the budget: int8 {top['quality_int8']:.3f}{beside} with {settings}; "
        f"{top['params']:,.0f} parameters, {top['gmacs']:,.0f} GMAC/s, {top['line_kib']:,.0f} KiB of lines"
    )
    if top["remarks"]:
        print_line(f"mind: {top['remarks']}")
