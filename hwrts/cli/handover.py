"""hwrts handover: one kit for a chip team, which checks itself with a compiler of C and Icarus Verilog."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_note
from hwrts.cli.options import (
    ClockOption,
    CoringOption,
    CyclesOption,
    ManifestOption,
    ModeOption,
    MultipliersOption,
    OvershootOption,
    Quiet,
    ReplaceOption,
    RunArgument,
    StageOption,
    StrengthInputOption,
    StrengthOption,
    UnverifiedOption,
    WeightsOption,
)
from hwrts.cli.stage import choose_network


def handover(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    stage: StageOption = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave this form out: c or rtl (repeatable); README and manifest say so.", show_default=False
        ),
    ] = None,
    multipliers: MultipliersOption = None,
    cycles_per_pixel: CyclesOption = None,
    mode: ModeOption = None,
    clock_mhz: ClockOption = None,
    weights: WeightsOption = "rom",
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Run the ONNX file in ONNX Runtime first.")
    ] = True,
    strength: StrengthOption = None,
    strength_input: StrengthInputOption = False,
    coring: CoringOption = None,
    overshoot: OvershootOption = None,
    unverified: UnverifiedOption = False,
    force: ReplaceOption = False,
    json: ManifestOption = False,
    quiet: Quiet = False,
) -> None:
    """Make one kit for the chip team: C, Verilog, vectors, ONNX, report; `make check` in it checks them."""
    from hwrts.api.export import export_stage
    from hwrts.export.targets.export import differing
    from hwrts.runs.circuit import AskedCircuit
    from hwrts.runs.folder import open_run
    from hwrts.runs.strength import asked_strength
    from hwrts.runs.target import Asked

    how = asked_strength(strength, coring, overshoot, register=strength_input)
    folder = open_run(run)
    chosen = choose_network(folder, stage, quiet=quiet)
    manifest = export_stage(
        folder,
        chosen,
        output,
        Asked(check=check),
        ConsoleProgress(quiet or json),
        print_note,
        unverified=unverified,
        force=force,
        how=how,
        circuit=AskedCircuit(multipliers, cycles_per_pixel, mode, clock_mhz, weights),
        without=without or (),
    )
    if json:
        print_json(manifest)
    else:
        size = sum(each["bytes"] for each in manifest["files"].values())
        print_line(f"{len(manifest['files']):,} files, {size / 2**20:.1f} MiB: {output}")
        print_line(f"verdict: {manifest['verdict']}")
        for name, what in manifest["take"].items():
            print_line(f"take {name} for {what}")
        for gap in manifest["gaps"]:
            print_line(f"gap: {gap}")
        print_line(f"next: {shlex.join(['make', '-C', str(output), 'check'])}")
    if differing(manifest["target"]):
        raise typer.Exit(1)
