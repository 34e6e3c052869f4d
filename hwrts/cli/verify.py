"""hwrts verify: every witness at every layer of every stage, or a file in its client, compared exactly."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table, wrote
from hwrts.cli.options import Quiet, RunArgument
from hwrts.command_line import command_line
from hwrts.errors import ConfigError


def verify(
    run: RunArgument,
    stage: Annotated[str | None, typer.Option(help=r"Only this stage \[all].", show_default=False)] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Only this layer (repeatable).", show_default=False)
    ] = None,
    stimulus: Annotated[
        list[str] | None, typer.Option(help="Only this picture (repeatable).", show_default=False)
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Also this witness: c, the C model (repeatable).", show_default=False),
    ] = None,
    client: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead, run this ONNX or TensorFlow Lite file in its client and compare it with a stage.",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="CLIENT",
            help="Its client: onnxruntime, openvino, iree, qnn, qonnx, hls4ml, tvm, tract, acuity, "
            "acuity-npu, rknn, litert, litert-reference, tflite-micro, tosa-single or tosa-double "
            r"\[that of its target].",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help=r"Height and width of its pictures, if it takes any \[about 72x120].", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare every witness at every layer of every stage, exactly; exit 1 if one code differs."""
    if client is not None:
        from hwrts.cli.verify_client import verify_client

        verify_client(run, stage, client, within, layer, stimulus, size, json=json)
        return
    if within is not None:
        raise ConfigError(f"--in {within}: is for a file; add --client FILE")
    if size is not None:
        raise ConfigError(f"--size {size:.40}: is for a file; add --client FILE")
    from hwrts.api.verify import verify_stages
    from hwrts.errors import RunFolderError
    from hwrts.runs.folder import open_run
    from hwrts.runs.witnesses import check_witnesses

    check_witnesses(witness or ())
    folder = open_run(run)
    stages = folder.stages() if stage is None else (folder.finished_stage(stage),)
    if not stages:
        raise RunFolderError(
            f"{run}: no finished stage to verify; continue with {command_line('run', '--resume', run)}"
        )
    progress = ConsoleProgress(quiet or json)
    verdicts = verify_stages(
        folder, stages, progress, wrote, layers=layer, stimuli=stimulus, witnesses=witness or ()
    )
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
