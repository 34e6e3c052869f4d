"""hwrts export: one folder with everything that a chip's team needs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table, print_warning, wrote
from hwrts.cli.options import RunArgument, StageOption
from hwrts.cli.stage import choose_network


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
    opset: Annotated[int | None, typer.Option(help=r"Of its file \[19].", show_default=False)] = None,
    ir_version: Annotated[
        int | None, typer.Option(help=r"Of its file \[the lowest for the opset].", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Run it in the client, where that is installed.")
    ] = True,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Hand over a stage that did not pass.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier hand-over.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Hand over one folder: ONNX, integer network, verdict, and a manifest; exit 1 if a client differs."""
    from hwrts.errors import RunFolderError
    from hwrts.export.handover import check_target, hand_over
    from hwrts.export.targets.export import differing
    from hwrts.files.lock import writing
    from hwrts.files.new_folder import new_folder
    from hwrts.report import write_report
    from hwrts.runs.exports import remember
    from hwrts.runs.folder import open_run
    from hwrts.runs.proof import read_proof
    from hwrts.runs.target import DEFAULT, Asked, target_entry

    folder = open_run(run)
    chosen = choose_network(folder, stage)
    proof = read_proof(chosen)
    if proof.verdict != "PASSED" and not unverified:
        raise RunFolderError(
            f"{chosen.root}: not handed over, it is {proof.verdict}; "
            "run hwrts verify, or insist with --unverified"
        )
    check_target(output, replace=force)  # before clients run, which can take minutes
    asked = Asked(target, size, opset, ir_version, check)
    with ConsoleProgress(quiet=json).task(f"target {target or DEFAULT}", 1) as advance:
        entry, files = target_entry(folder, chosen, asked)
        advance(1, "")
    source = {"run": folder.root.name, "stage": chosen.name}
    with writing(output):
        check_target(output, replace=force)
        with new_folder(output) as made:
            manifest = hand_over(made, chosen.root, proof.payloads, proof.verdict, source, entry, files)

    def record() -> None:
        with writing(folder.root):
            remember(folder, manifest)
            if folder.trained:
                write_report(folder)

    if target is not None:  # the file that is handed over unasked says nothing that verify does not
        try:
            wrote(record)
        except RunFolderError as error:  # the hand-over is there, and complete
            print_warning(f"not in the run's report: {error}")
    if json:
        print_json(manifest)
    else:
        for name, each in manifest["files"].items():
            print_line(f"{each['sha256'][:16]}  {each['bytes']:>9,} bytes  {output / name}")
        print_line(f"verdict: {manifest['verdict']}")
        _say(entry)
        for name, what in manifest["take"].items():
            print_line(f"take {name} for {what}")
    if differing(entry):
        raise typer.Exit(1)


def _say(target: dict[str, Any]) -> None:
    """What was rewritten, and what clients made of it."""
    for sentence in target["rewritten"]:
        print_line(f"rewritten: {sentence}")
    rows = [
        [
            each["client"],
            each["version"],
            f"{each['client_rounds_convolutions']}, {each['client_rounds_additions']}",
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
    if target.get("codes_that_its_rounding_changes"):
        name, changed = target["name"], target["codes_that_its_rounding_changes"]
        rules = f"{target['client_rounds_convolutions']}, {target['client_rounds_additions']}"
        print_warning(
            f"--target {name}: rounds ({rules}) in another way than the network was trained for, which "
            f"changes {changed:,} codes; quantize with --target {name}"
        )
