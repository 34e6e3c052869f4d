"""hwrts compare: runs, pictures or clips beside one another, in a table and on a page."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.options import MaxMegapixels, Quiet, option, run_folders

LOOKS = "Pictures and clips"
"""The group of options that are theirs."""
FRAMES = 8


def compare(
    things: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders; or pictures, or clips, the original first.",
            metavar="A B...",
            autocompletion=run_folders,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write.")] = Path("compare.html"),
    on: Annotated[
        Path | None, option("A picture or a clip that the runs are looked at on.", "--on", panel=LOOKS)
    ] = None,
    x2: Annotated[bool, option("Up-scale it with the runs' x2 networks.", "--x2", panel=LOOKS)] = False,
    strength: Annotated[
        list[float] | None,
        option("Every run with this strength, 0 to 2 in 1/16; give several.", "--strength", panel=LOOKS),
    ] = None,
    frames: Annotated[
        int | None,
        option(f"So many frames, spread over a clip [{FRAMES}].", "--frames", panel=LOOKS, least=1),
    ] = None,
    zoom: Annotated[
        str | None,
        option("Show X,Y,W,H of the original alone [all, or what a page holds].", "--zoom", panel=LOOKS),
    ] = None,
    max_megapixels: MaxMegapixels = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON, and write no page.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs: quality, cost, and their pictures. Or pictures and clips, pixel by pixel.

    The page is one file that needs nothing else: a slider, one zoom for all, a magnifier with the codes of
    every picture, the difference amplified, and figures; of clips frames to step through, and their flicker.
    """
    from hwrts.cli.compare_looks import Looks, compare_files, compare_on

    looks = Looks(output, frames, zoom, json, quiet, max_megapixels)
    if on is not None:
        compare_on(things, on, looks, strength or (), x2=x2)
    elif not all(_is_run(each) for each in things):
        _check_unused({"--x2": x2, "--strength": bool(strength)})
        compare_files(things, looks)
    else:
        _check_unused(
            {
                "--x2": x2,
                "--strength": bool(strength),
                "--frames": frames is not None,
                "--zoom": zoom is not None,
                "--max-megapixels": max_megapixels is not None,
            }
        )
        _compare_runs(things, output, json=json, quiet=quiet)


def _is_run(path: Path) -> bool:
    """What is neither there nor a file is taken for a run, and refused as one."""
    return not path.is_file()


def _check_unused(given: dict[str, bool]) -> None:
    from hwrts.errors import ConfigError

    for flag, said in given.items():
        if said:
            raise ConfigError(
                f"{flag}: is for runs on a picture or a clip, --on FILE; give one, or leave it out"
            )


def _compare_runs(runs: list[Path], output: Path, *, json: bool, quiet: bool) -> None:
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
