"""hwrts verify, export, view and info: what is done with a finished run."""

import platform
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts import __version__
from hwrts.cli.app import app
from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table, wrote
from hwrts.cli.stage import StageOption, choose_network
from hwrts.command_line import command_line

RunArgument = Annotated[Path, typer.Argument(help="Run folder.")]


@app.command()
def verify(
    run: RunArgument,
    stage: Annotated[str | None, typer.Option(help=r"Only this stage \[all].", show_default=False)] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Only this layer (repeatable).", show_default=False)
    ] = None,
    stimulus: Annotated[
        list[str] | None, typer.Option(help="Only this picture (repeatable).", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
) -> None:
    """Compare every witness at every layer of every stage, exactly; exit 1 if one code differs."""
    from hwrts.errors import RunFolderError
    from hwrts.export import Verdict
    from hwrts.files.lock import writing
    from hwrts.report import write_report
    from hwrts.runs.folder import open_run, write_json
    from hwrts.runs.quantise import verify_stage

    folder = open_run(run)
    stages = folder.stages() if stage is None else (folder.finished_stage(stage),)
    if not stages:
        raise RunFolderError(
            f"{run}: no finished stage to verify; continue with {command_line('run', '--resume', run)}"
        )
    verdicts: dict[str, Verdict] = {}

    def record() -> None:
        for each in stages:
            write_json(each.verify, verdicts[each.name].as_json())
        if folder.trained:
            write_report(folder)

    everything = layer is None and stimulus is None
    with writing(run, may_be_read_only=True) if everything else nullcontext():
        with ConsoleProgress(quiet=json).task("comparing bits, stages", len(stages)) as advance:
            for i, each in enumerate(stages):
                verdicts[each.name] = verify_stage(
                    folder, each, layers=layer or None, stimuli=stimulus or None, record=False
                )
                advance(i + 1, f"stage {each.name}")
        if everything:
            wrote(record)
    passed = all(verdict.passed for verdict in verdicts.values())
    if json:
        print_json(
            {"passed": passed, "stages": {name: verdict.as_json() for name, verdict in verdicts.items()}}
        )
    else:
        for name, verdict in verdicts.items():
            _print_verdict(name, verdict.as_json(), run)
        compared = sum(verdict.compared for verdict in verdicts.values())
        mismatches = sum(verdict.mismatches for verdict in verdicts.values())
        print_line(f"{'PASSED' if passed else 'FAILED'}: {mismatches:,} of {compared:,} codes differ")
    if not passed:
        raise typer.Exit(1)


def _print_verdict(stage: str, verdict: dict[str, Any], run: Path) -> None:
    from hwrts.report.explain import first_difference, layer_order, losses

    totals: dict[str, list[int]] = {}
    layers: dict[str, dict[str, int]] = {}
    for row in verdict["rows"]:
        total = totals.setdefault(row["witness"], [0, 0])
        total[0] += row["compared"]
        total[1] += row["mismatches"]
        layer = layers.setdefault(row["layer"], {"single": 0, "entire": 0, "compared": 0})
        layer[row["mode"]] += row["mismatches"]
        layer["compared"] += row["compared"]
    rows = []
    for name in layer_order(verdict):
        (sqnr_db, clamped), layer = losses(verdict, name), layers[name]
        numbers = [f"{layer[key]:,}" for key in ("compared", "single", "entire")]
        measures = [
            "-" if value is None else text % value for text, value in (("%.1f", sqnr_db), ("%.3f", clamped))
        ]
        rows.append([name, verdict["formats"][name], *numbers, *measures])
    columns = ["layer", "format", "codes compared", "differ single", "entire", "SQNR dB", "clamped %"]
    print_table(f"stage {stage}, all witnesses", columns, rows)
    ordered = sorted(totals.items(), key=lambda item: -item[1][1])
    print_table(
        "", ["witness", "codes compared", "differ"], [[name, f"{n:,}", f"{d:,}"] for name, (n, d) in ordered]
    )
    first = first_difference(verdict, stage, run)
    if first is not None:
        print_line(f"  first difference: {first.text}\n  reproduce: {first.command}")
        print_line(f"  where in the picture: {run / 'report.html'}")
    for problem in verdict["problems"]:
        print_line(f"  problem: {problem}")
    caught = sum(control["caught"] for control in verdict["controls"])
    print_line(f"  negative controls caught: {caught} of {len(verdict['controls'])}")
    for error in verdict["untold"]:
        print_line(f"  no control is possible for {error}")
    pairs = verdict["int16_pairs_can_saturate"]
    if pairs:
        here = "this CPU has it" if verdict["cpu"]["vnni"] else "this CPU has none"
        wrong = verdict["default_session_mismatches"]
        print_line(
            f"  note: on x86 without VNNI ({here}) a session without session.x64quantprecision=1 saturates "
            f"in {', '.join(pairs)}; here it returns {wrong:,} wrong codes; "
            "hwrts quantize --reduce-range is safe on any CPU"
        )


@app.command()
def export(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    stage: StageOption = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Hand over a stage that did not pass.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier hand-over.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Hand over one folder: ONNX, integer network, verdict, and a manifest with checksums."""
    from hwrts.errors import RunFolderError
    from hwrts.export.handover import check_target, hand_over
    from hwrts.files.lock import writing
    from hwrts.files.new_folder import new_folder
    from hwrts.runs.folder import open_run
    from hwrts.runs.proof import read_proof

    folder = open_run(run)
    chosen = choose_network(folder, stage)
    proof = read_proof(chosen)
    if proof.verdict != "PASSED" and not unverified:
        raise RunFolderError(
            f"{chosen.root}: not handed over, it is {proof.verdict}; "
            "run hwrts verify, or insist with --unverified"
        )
    source = {"run": folder.root.name, "stage": chosen.name}
    with writing(output):
        check_target(output, replace=force)
        with new_folder(output) as made:
            manifest = hand_over(made, chosen.root, proof.payloads, proof.verdict, source)
    if json:
        print_json(manifest)
        return
    for name, entry in manifest["files"].items():
        print_line(f"{entry['sha256'][:16]}  {entry['bytes']:>9,} bytes  {output / name}")
    print_line(f"verdict: {manifest['verdict']}")


@app.command()
def view(
    run: RunArgument,
    stage: StageOption = None,
    port: Annotated[
        int, typer.Option(help="Port on localhost; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Show the int8 ONNX graph in Netron's page on localhost, until Ctrl-C; nothing leaves this machine."""
    import webbrowser

    from hwrts.cli.viewer import model_server
    from hwrts.errors import HwrtsError
    from hwrts.runs.folder import open_run

    chosen = choose_network(open_run(run), stage)
    try:
        server = model_server(chosen.onnx, port)
    except OSError as error:
        if error.filename is not None:  # of the model
            raise
        raise HwrtsError(
            f"port {port}: cannot be used ({error.strerror}); give another with --port, or 0 for a free one"
        ) from error
    with server:
        address = f"http://localhost:{server.server_port}"
        print_line(f"{address}  ({chosen.onnx}; Ctrl-C ends)")
        if browser:
            webbrowser.open(address)
        server.serve_forever()


@app.command()
def info(json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Print versions, the CPU features that matter, and the device that would be used."""
    import torch

    from hwrts.cli.versions import library_versions
    from hwrts.export.cpu import FLAGS, cpu_flags, cpu_name, has_vnni
    from hwrts.training.device import choose_device

    flags = cpu_flags()
    device = choose_device()
    document: dict[str, Any] = {
        "hwrts": __version__,
        "python": platform.python_version(),
        **library_versions(),
        "cpu": cpu_name(),
        "cpu flags": {flag: flag in flags for flag in FLAGS},
        "threads": torch.get_num_threads(),
        "device": device.name,
        "bf16 training": device.bf16,
        "device reason": device.reason,
    }
    if json:
        print_json(document)
        return
    for key, value in document.items():
        text = (
            ", ".join(f"{flag} {'yes' if there else 'no'}" for flag, there in value.items())
            if isinstance(value, dict)
            else value
        )
        print_line(f"{key:14} {text}")
    if platform.machine() in ("x86_64", "AMD64") and flags and not has_vnni(flags):
        print_line(
            "no VNNI: ONNX Runtime's default int8 kernel saturates; hwrts asks for the exact one "
            "(docs/arithmetic.md, eq. 14)"
        )
