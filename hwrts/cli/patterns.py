"""hwrts patterns: test patterns through a finished network, as pictures and in codes."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import print_json, print_line
from hwrts.cli.options import Quiet, RequireOption, RunArgument, StageOption
from hwrts.cli.stage import choose_network
from hwrts.errors import DataError


def patterns(
    run: RunArgument,
    stage: StageOption = None,
    same_size: Annotated[
        bool, typer.Option("--same-size/--x2", help="As a TV enhances, at the same size, or up-scaled.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for each pattern's input, output and difference."),
    ] = None,
    require: RequireOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace pictures that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Flat fields, grey, borders and steps through the int8 network: by how many codes it misses them.

    With --require flat=0,grey=1,border=1 the exit code is 1 if a figure is above its limit.
    """
    from hwrts.data import write_image
    from hwrts.files.new_folder import make_folder
    from hwrts.metrics import pattern_figures
    from hwrts.runs.engines import make_engine
    from hwrts.runs.folder import open_run
    from hwrts.runs.patterns import difference, patterns_of
    from hwrts.runs.requirements import parse_requirements, unmet

    limits = parse_requirements(require) if require is not None else {}
    folder = open_run(run)
    chosen = choose_network(folder, stage, x2=not same_size, quiet=quiet)
    if not same_size:
        chosen.check_enlarges()
    if output is not None:
        make_folder(output, "choose another --output")
        there = next(output.glob("*_difference.png"), None)
        if there is not None and not force:
            raise DataError(f"{there}: exists already; write elsewhere or replace it with --force")
    network = make_engine("onnxruntime", chosen)
    apply = network.enhance if same_size else network.upscale
    figures = pattern_figures(apply, network.reach(same_size=same_size))
    if output is not None:
        for made in patterns_of(apply):
            stem = made.name.replace("/", "-").replace(" ", "_")
            write_image(output / f"{stem}_in.png", made.given)
            write_image(output / f"{stem}_out.png", made.found)
            write_image(output / f"{stem}_difference.png", difference(made))
    missed = unmet(figures, limits)
    if json:
        print_json({"run": str(run), "stage": chosen.name, **figures, "unmet": missed})
    else:
        for name, value in figures.items():
            print_line(f"{name.removesuffix('_codes'):<7} {value:4.0f} codes")
        for text in missed:
            print_line(f"NOT MET: {text}")
        if output is not None:
            print_line(f"pictures: {output}")
    if missed:
        raise typer.Exit(1)
