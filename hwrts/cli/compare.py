"""hwrts compare: runs beside one another, in a table and on a page."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.options import Quiet, run_folders


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders.", metavar="RUN...", autocompletion=run_folders)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page to write, with the same pictures of each.")
    ] = Path("compare.html"),
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, and write no page.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare finished runs: quality and cost of the networks they kept, and their pictures on one page."""
    from hwrts.report.overview import HEADINGS, cells, costs, summary, write_comparison
    from hwrts.report.silicon import COLUMNS

    found = [summary(root) for root in runs]
    costly = [costs(root) for root in runs]  # refuses a run that has no finished stage
    if json:
        named = [dict(zip(COLUMNS, cost, strict=True)) for cost in costly]
        print_json([each | {"cost": cost} for each, cost in zip(found, named, strict=True)])
        return
    rows = [cells(each) for each in found]
    names = [str(root) for root in runs]
    quality = [[name, *row] for name, row in zip(names, rows, strict=True)]
    title = "quality of the kept stage, on the photographs of each run"
    print_table(title, ["run", *HEADINGS], quality, ["diff %"], paths=True)
    silicon = [[name, *cost] for name, cost in zip(names, costly, strict=True)]
    print_table("cost of its network, as a TV deploys it", ["run", *COLUMNS], silicon, paths=True)
    with ConsoleProgress(quiet).task("drawing", 1) as advance:
        write_comparison(output, runs, [[*row, *cost] for row, cost in zip(rows, costly, strict=True)])
        advance(1, "")
    print_line(f"page: {output}")
