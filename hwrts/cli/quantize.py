"""hwrts quantize: int8 networks of a run's float stage, or of a user's own module."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_warning
from hwrts.cli.options import MaxMegapixels, Quiet, ReduceRange, option, run_folders
from hwrts.cli.sensitivity import choose, print_choice
from hwrts.cli.stage import print_stages
from hwrts.cli.widths import Budget, parse_budget, parse_layer_widths
from hwrts.command_line import command_line
from hwrts.errors import ConfigError
from hwrts.runs.settings import weight_bits_of, with_target


def quantize(
    source: Annotated[
        str,
        typer.Argument(
            help="Run folder, or a module of your own: my_file.py:build.",
            metavar="RUN|FILE.py:FUNCTION",
            autocompletion=run_folders,
        ),
    ],
    stage: Annotated[
        int | None,
        typer.Option(help=r"A finished float stage \[the one the run kept].", min=1, show_default=False),
    ] = None,
    weight_bits: Annotated[int | None, option("Width of the weights, 2..8 [as the run; 8].")] = None,
    activation_bits: Annotated[int | None, option("Width of inner tensors, 2..8 [as the run; 8].")] = None,
    hidden_bits: Annotated[
        int | None, option("Width of hidden tensors alone, 2..8 [as the run; as activation-bits].")
    ] = None,
    skip_bits: Annotated[
        int | None, option("Width of tensors that carry the picture, 8, 10, 12 or 16 [as the run; 8].")
    ] = None,
    pixel_bits: Annotated[
        int | None, option("Own module: width of the pixels in and out, 8, 10 or 12 [8].")
    ] = None,
    reduce_range: ReduceRange = False,
    layer_weight_bits: Annotated[
        str | None, option("Widths of single layers, such as conv_in=6,conv_out=8 [as the run; none].")
    ] = None,
    accumulator_bits: Annotated[
        int | None, option("Width of accumulators that weights must fit, 9..24 [as the run; as they come].")
    ] = None,
    layer_accumulator_bits: Annotated[
        str | None, option("Those of single layers, such as conv_in=18,conv_0=16 [as the run; none].")
    ] = None,
    weight_kib: Annotated[
        float | None, option("Choose the widths by sensitivity, so that all weights fit into so many KiB.")
    ] = None,
    widths: Annotated[
        str | None, option("With --weight-kib: widths to choose from, such as 4,8 [2-8].")
    ] = None,
    rounding: Annotated[
        str | None,
        option(
            "half_even, half_up, half_away, floor or double; or two, of convolutions and of additions: "
            "half_even,half_up [as the run; half_even]."
        ),
    ] = None,
    target: Annotated[
        str | None,
        option("Width and rounding of a client (docs/targets.md), so that the network is what it computes."),
    ] = None,
    exact_additions: Annotated[
        bool | None,
        typer.Option(
            help=r"No addition drops a bit, whatever a client's rule for additions \[as the run; no].",
            show_default=False,
        ),
    ] = None,
    one_weight_grid: Annotated[
        bool | None,
        typer.Option(
            help=r"One grid of weights for all channels of a convolution \[as the run; no].",
            show_default=False,
        ),
    ] = None,
    qat_steps: Annotated[int | None, option("Fine-tuning steps; 0 calibrates only [as the run; 0].")] = None,
    same_size: Annotated[
        bool, typer.Option("--same-size", help="The same-size network, with the down-scaler folded in.")
    ] = False,
    weights: Annotated[Path | None, option("Own module: its state_dict (safetensors, torch.save).")] = None,
    data: Annotated[
        Path | None, option("Own module: photographs like those that it will see [the embedded ones].")
    ] = None,
    matrix: Annotated[
        str | None, option("Own module of one channel: its luma is of bt709 or bt601 [bt601].")
    ] = None,
    range_: Annotated[
        str | None, option("Own module of one channel: codes are limited or full [full].", "--range")
    ] = None,
    max_megapixels: MaxMegapixels = None,
    output: Annotated[
        Path | None, option("Own module: folder to make [runs/FILE-FUNCTION].", "--output", "-o")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Own module: only say whether it is accepted, its layers and cost; in seconds."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier quantisation of these widths.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Make another int8 network of a finished float stage, or one of your own module."""
    flags = {
        "weight_bits": weight_bits_of(weight_bits, reduce_range),
        "activation_bits": activation_bits,
        "hidden_bits": hidden_bits,
        "skip_bits": skip_bits,
        "pixel_bits": pixel_bits,
        "accumulator_bits": accumulator_bits,
        "rounding": rounding,
        "exact_additions": exact_additions,
        "one_weight_grid": one_weight_grid,
    }
    given: dict[str, Any] = {key: value for key, value in flags.items() if value is not None}
    if target is not None:
        given = with_target(target, given)
    if layer_weight_bits is not None:
        given["layer_weight_bits"] = parse_layer_widths("--layer-weight-bits", layer_weight_bits)
        wide = [layer for layer, bits in given["layer_weight_bits"].items() if bits > 7]
        if reduce_range and wide:
            raise ConfigError(
                f"--reduce-range: means 7 bits, --layer-weight-bits gives {wide[0]} "
                f"{given['layer_weight_bits'][wide[0]]}; leave one of the two out"
            )
    elif "weight_bits" in given:
        given["layer_weight_bits"] = {}  # one width for all layers, whatever the run has for some
    if layer_accumulator_bits is not None:
        flag = "--layer-accumulator-bits"
        given["layer_accumulator_bits"] = parse_layer_widths(flag, layer_accumulator_bits)
    elif "accumulator_bits" in given:
        given["layer_accumulator_bits"] = {}
    budget = parse_budget(weight_kib, widths, given)
    own: dict[str, object] = {"--weights": weights, "--data": data, "--matrix": matrix, "--range": range_}
    own |= {"--max-megapixels": max_megapixels, "--output": output}
    if ":" in source and not Path(source).is_dir():
        if stage is not None or same_size:
            raise ConfigError(
                "--stage and --same-size: are for run folders, a module of your own is taken as it is; "
                "leave them out"
            )
        if budget is not None:
            raise ConfigError(
                "--weight-kib: needs the sensitivity of a run's stage; give a module of your own "
                "--layer-weight-bits"
            )
        if check:
            from hwrts.cli.check import check_own
            from hwrts.runs.own_pixels import luma_asked

            seen = luma_asked(matrix, range_)
            if not check_own(source, weights, given, ConsoleProgress(quiet), seen, as_json=json):
                raise typer.Exit(2)
            return
        passed = _quantize_own(
            source,
            weights,
            data,
            max_megapixels,
            output,
            {"steps": qat_steps or 0, **given},
            target,
            (matrix, range_),
            force,
            ConsoleProgress(quiet),
            as_json=json,
        )
    else:
        if source.endswith(".py"):
            raise ConfigError(f"{source}: name the function that makes the module, as {source}:build")
        for flag, value in {**own, "--check": check or None}.items():
            if value is not None:
                raise ConfigError(
                    f"{flag}: is for a module of your own, given as my_file.py:build; leave it out"
                )
        steps = {} if qat_steps is None else {"same_size_steps" if same_size else "steps": qat_steps}
        passed = _quantize_run(
            Path(source),
            stage,
            {**given, **steps},
            target,
            budget,
            same_size,
            force,
            ConsoleProgress(quiet),
            as_json=json,
        )
    if not passed:
        raise typer.Exit(1)


def _quantize_run(
    run: Path,
    stage: int | None,
    given: dict[str, Any],
    client: str | None,
    budget: Budget | None,
    same_size: bool,
    force: bool,
    progress: ConsoleProgress,
    *,
    as_json: bool,
) -> bool:
    from hwrts.api.quantize import quantize_stage
    from hwrts.files.lock import writing
    from hwrts.runs.folder import open_run
    from hwrts.runs.remarks import is_faithful, remarks

    folder = open_run(run)
    number = stage or folder.finished_stage(None).number
    chosen: dict[str, Any] = {}
    if budget is not None:
        measured = folder.finished_stage(f"{number}-same" if same_size else str(number))
        with writing(run):  # it keeps what it measures
            choice, found = choose(folder, measured, budget, progress)
        if not as_json:
            title = f"{run}: widths chosen by the sensitivity of stage {measured.name}"
            print_choice(title, choice, found, budget)
        chosen = {"choice": asdict(choice)}
        given = {**given, "layer_weight_bits": choice.widths}
    made = quantize_stage(folder, number, given, progress, same_size=same_size, force=force)
    measures = made.measures
    if as_json:
        print_json({**measures, "warnings": remarks(measures), **chosen})
    else:
        print_stages(folder)
        print_line(f"next: {command_line('export', run, '--stage', made.name, *_for(client), '-o', 'DIR')}")
        print_line(f"      {command_line('handover', run, '--stage', made.name, '-o', 'kit')}")
    return made.proved and is_faithful(measures)


def _for(client: str | None) -> tuple[str, ...]:
    """Words that ask for the file of a client."""
    return () if client is None else ("--target", client, "--size", "HxW")


def _quantize_own(
    reference: str,
    weights: Path | None,
    data: Path | None,
    max_megapixels: int | None,
    output: Path | None,
    settings: dict[str, Any],
    client: str | None,
    luma: tuple[str | None, str | None],
    force: bool,
    progress: ConsoleProgress,
    *,
    as_json: bool,
) -> bool:
    from hwrts.api.quantize import own_qat, quantize_own
    from hwrts.runs.documents import read_verdict
    from hwrts.runs.own_module import load_own
    from hwrts.runs.own_pixels import luma_asked
    from hwrts.runs.remarks import faithfulness, is_faithful, remarks, unfaithful_end

    qat = own_qat(settings, as_flags=True)
    path, _, function = reference.rpartition(":")
    root = output or Path("runs") / f"{Path(path).stem}-{function}"
    if root.name in ("", ".."):
        raise ConfigError(f"--output {root}: give the name of a folder to make")
    made = quantize_own(
        reference,
        lambda: load_own(reference, weights, progress),
        root,
        data,
        qat,
        {"weights": None if weights is None else str(weights)},
        progress,
        force=force,
        max_megapixels=max_megapixels,
        luma=luma_asked(*luma),
    )
    measures, verdict = made.measures, read_verdict(made.files.verify)
    warnings, good = remarks(measures), verdict["passed"] and is_faithful(measures)
    if as_json:
        print_json(
            {
                "run": str(root),
                "traced_by": made.run.notes().get("traced_by"),
                **{key: verdict[key] for key in ("passed", "compared", "mismatches")},
                **measures,
                "faithful": is_faithful(measures),
                "warnings": warnings,
            }
        )
    else:
        print_line(
            f"int8 and float are at most {measures['fidelity_largest_codes']:,.0f} codes apart, "
            f"{measures['fidelity_over_1_percent']:.2f} % of codes by more than 1"
        )
        word = "PASSED" if verdict["passed"] else "FAILED"
        print_line(
            f"{word}: {verdict['mismatches']:,} of {verdict['compared']:,} codes differ; "
            f"{faithfulness(measures)}"
        )
        print_line(f"files: {made.root}")
        print_line(f"page:  {root / 'report.html'}")
        print_line(f"next:  {command_line('inspect', made.root)}")
        print_line(f"       {command_line('export', root, *_for(client), '-o', 'handover')}")
        print_line(f"       {command_line('handover', root, '-o', 'kit')}")
    for warning in warnings:
        print_warning(warning)
    if verdict["passed"] and not good:
        print_warning(unfaithful_end(measures))
    return bool(good)
