"""hwrts export: one folder with everything that a chip's team needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_note, print_table, print_warning
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

if TYPE_CHECKING:
    from hwrts.runs.circuit import AskedCircuit


def export(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    stage: StageOption = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Whose file: onnx, qnn, iree, openvino, verisilicon, tensorrt, vitis, qonnx, rknn, tflite, "
            r"ethos-u, tosa or float (docs/targets.md) \[onnx].",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Height and width of its pictures, such as 360x640.", show_default=False),
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Also in this form: c, a C99 model (docs/c.md); rtl, Verilog (docs/silicon.md); "
            "vectors, codes of every layer (docs/vectors.md). Repeatable.",
            show_default=False,
        ),
    ] = None,
    multipliers: MultipliersOption = None,
    cycles_per_pixel: CyclesOption = None,
    mode: ModeOption = None,
    clock_mhz: ClockOption = None,
    weights: WeightsOption = "rom",
    opset: Annotated[int | None, typer.Option(help=r"Of its file \[19].", show_default=False)] = None,
    ir_version: Annotated[
        int | None, typer.Option(help=r"Of its file \[the lowest for the opset].", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Run it in the client, where that is installed.")
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
    """Hand over one folder: ONNX, integer network, verdict, and a manifest; exit 1 if a client differs."""
    from hwrts.api.export import export_stage
    from hwrts.export.targets.export import differing
    from hwrts.runs.circuit import AskedCircuit
    from hwrts.runs.folder import open_run
    from hwrts.runs.strength import asked_strength
    from hwrts.runs.target import Asked

    how = asked_strength(strength, coring, overshoot, register=strength_input)
    folder = open_run(run)
    chosen = choose_network(folder, stage, quiet=quiet)
    asked = Asked(target, size, opset, ir_version, check)
    progress = ConsoleProgress(quiet or json)
    manifest = export_stage(
        folder,
        chosen,
        output,
        asked,
        progress,
        print_note,
        unverified=unverified,
        force=force,
        how=how,
        formats=form or (),
        circuit=_circuit(AskedCircuit(multipliers, cycles_per_pixel, mode, clock_mhz, weights), form),
    )
    entry = manifest["target"]
    if json:
        print_json(manifest)
    else:
        for name, each in manifest["files"].items():
            if name.count("/") <= 1:
                print_line(f"{each['sha256'][:16]}  {each['bytes']:>9,} bytes  {output / name}")
        inside = [name for name in manifest["files"] if name.count("/") > 1]
        if inside:
            print_line(f"and {len(inside):,} files in folders of theirs (manifest.json)")
        print_line(f"verdict: {manifest['verdict']}")
        _say(entry)
        for name, what in manifest["take"].items():
            print_line(f"take {name} for {what}")
    if differing(entry):
        raise typer.Exit(1)


def _circuit(asked: "AskedCircuit", form: list[str] | None) -> "AskedCircuit":
    """What is said of a circuit, if one is asked for at all."""
    from hwrts.errors import ConfigError
    from hwrts.runs.circuit import AskedCircuit

    if asked != AskedCircuit() and "rtl" not in (form or ()):
        raise ConfigError(
            "--multipliers, --cycles-per-pixel, --mode, --clock-mhz and --weights are of --format rtl; add it"
        )
    return asked


def _say(target: dict[str, Any]) -> None:
    """What was rewritten, and what clients made of it."""
    from hwrts.export.targets.export import without_rule

    for sentence in target["rewritten"]:
        print_line(f"rewritten: {sentence}")
    rows = [
        [
            each["client"],
            each["version"],
            "not known"
            if without_rule(each)
            else f"{each['client_rounds_convolutions']}, {each['client_rounds_additions']}",
            f"{each['codes_compared']:,}",
            f"{each['codes_differing']:,}",
        ]
        for each in target["checks"]
    ]
    if rows:
        print_table("codes that differ", ["client", "version", "rounding", "compared", "differ"], rows)
    estimates = [
        [
            each["accelerator"],
            f"{each['milliseconds']:.1f}",
            f"{1000 / each['milliseconds']:.1f}",
            f"{each['cycles']:,}",
            f"{each['sram_kib']:,.0f}",
            f"{each['dram_kib']:,.0f}",
            str(len(each["on_cpu"])),
        ]
        for each in target.get("vela", ())
    ]
    if estimates:
        columns = ["accelerator", "ms", "frames/s", "cycles", "SRAM KiB", "DRAM KiB", "left to the processor"]
        print_table(f"estimates of {target['vela'][0]['version']}", columns, estimates)
    for sentence in target["not_run"]:
        print_line(sentence)
    if target.get("note"):
        print_line(f"note: {target['note']}")
    _warn_of_default(target)
    if target.get("codes_that_its_rounding_changes"):
        name, changed = target["name"], target["codes_that_its_rounding_changes"]
        rules = f"{target['client_rounds_convolutions']}, {target['client_rounds_additions']}"
        print_warning(
            f"--target {name}: rounds ({rules}) in another way than the network was trained for, which "
            f"changes {changed:,} codes; quantize with --target {name}"
        )
    for each in filter(without_rule, target["checks"]):
        print_warning(
            f"{each['client']}: {each['codes_differing']:,} of {each['codes_compared']:,} codes differ, and "
            "it is exact under no rounding rule that was tried: a report and no verdict"
        )


def _warn_of_default(target: dict[str, Any]) -> None:
    """Of a runtime that computes other codes where its user sets nothing."""
    other = target.get("other_default")
    if not other or other.get("codes_that_its_rounding_changes") == 0:
        return
    rules = [
        f"({at['client_rounds_convolutions']}, {at['client_rounds_additions']})" for at in (target, other)
    ]
    count = other.get("codes_that_its_rounding_changes")
    print_warning(
        f"--target {target['name']}: the network is what {target['client']} computes {rules[0]}; "
        f"{other['client']}, which runs where nothing is set, rounds {rules[1]}, which changes "
        f"{'codes' if count is None else f'{count:,} codes'}; choose {target['client']} there, or quantize "
        f"with --target {target['name']}"
    )
