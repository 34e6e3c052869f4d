"""hwrts list: the runs of a folder, a line of each."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import print_json, print_line, print_note, print_table
from hwrts.cli.options import Quiet


def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder of run folders.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """List the runs of a folder: network, status, verdict and picture quality of the kept stage."""
    from hwrts.report.overview import HEADINGS, cells, find_runs, summary

    found = [summary(root) for root in find_runs(folder)]
    if json:
        print_json(found)
    elif not found:
        print_line(f"{folder}: no runs; make one with: hwrts demo")
    else:
        rows = [[Path(each["run"]).name, *cells(each)] for each in found]
        print_table(
            f"{folder}: runs, and x2 PSNR of the kept stage", ["run", *HEADINGS], rows, ["diff %"], paths=True
        )
        for each in found:
            if each["problem"] and not quiet:
                print_note(each["problem"])
