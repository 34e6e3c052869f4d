"""hwrts quantize: int8 networks of a run's float stage, or of a user's own module."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_warning
from hwrts.cli.options import MaxMegapixels, ReduceRange, option
from hwrts.cli.sensitivity import choose, print_choice
from hwrts.cli.settings import flag_of, run_notes, weight_bits_of, with_target
from hwrts.cli.stage import print_stages
from hwrts.cli.widths import Budget, parse_budget, parse_layer_widths
from hwrts.command_line import command_line
from hwrts.errors import ConfigError, RunFolderError

if TYPE_CHECKING:
    from hwrts.config import NetworkConfig, QatConfig
    from hwrts.runs.folder import RunFolder


def quantize(
    source: Annotated[
        str,
        typer.Argument(
            help="Run folder, or a module of your own: my_file.py:build.", metavar="RUN|FILE.py:FUNCTION"
        ),
    ],
    stage: Annotated[
        int | None,
        typer.Option(help=r"A finished float stage \[the one the run kept].", min=1, show_default=False),
    ] = None,
    weight_bits: Annotated[int | None, option("Width of the weights, 2..8 [as the run; 8].")] = None,
    activation_bits: Annotated[int | None, option("Width of inner tensors, 2..8 [as the run; 8].")] = None,
    reduce_range: ReduceRange = False,
    layer_weight_bits: Annotated[
        str | None, option("Widths of single layers, such as conv_in=6,conv_out=8 [as the run; none].")
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Make another int8 network of a finished float stage, or one of your own module."""
    flags = {
        "weight_bits": weight_bits_of(weight_bits, reduce_range),
        "activation_bits": activation_bits,
        "rounding": rounding,
        "exact_additions": exact_additions,
        "one_weight_grid": one_weight_grid,
    }
    given: dict[str, Any] = {key: value for key, value in flags.items() if value is not None}
    if target is not None:
        given = with_target(target, given)
    if layer_weight_bits is not None:
        given["layer_weight_bits"] = parse_layer_widths(layer_weight_bits)
        wide = [layer for layer, bits in given["layer_weight_bits"].items() if bits > 7]
        if reduce_range and wide:
            raise ConfigError(
                f"--reduce-range: means 7 bits, --layer-weight-bits gives {wide[0]} "
                f"{given['layer_weight_bits'][wide[0]]}; leave one of the two out"
            )
    elif "weight_bits" in given:
        given["layer_weight_bits"] = {}  # one width for all layers, whatever the run has for some
    budget = parse_budget(weight_kib, widths, given)
    own = {"--weights": weights, "--data": data, "--max-megapixels": max_megapixels, "--output": output}
    if ":" in source and not Path(source).is_dir():
        if stage is not None or same_size:
            raise ConfigError(
                "--stage and --same-size: are for run folders, a module of your own is taken as it is"
            )
        if budget is not None:
            raise ConfigError(
                "--weight-kib: needs the sensitivity of a run's stage; give a module of your own "
                "--layer-weight-bits"
            )
        if check:
            from hwrts.cli.check import check_own

            if not check_own(source, weights, given, ConsoleProgress(quiet), as_json=json):
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
            force,
            ConsoleProgress(quiet),
            as_json=json,
        )
    else:
        if source.endswith(".py"):
            raise ConfigError(f"{source}: name the function that makes the module, as {source}:build")
        for flag, value in {**own, "--check": check or None}.items():
            if value is not None:
                raise ConfigError(f"{flag}: is for a module of your own, given as my_file.py:build")
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
    from hwrts.files.lock import writing
    from hwrts.runs.folder import open_run

    folder = open_run(run)
    with writing(run):
        return _quantize_locked(
            folder, stage, given, client, budget, same_size, force, progress, as_json=as_json
        )


def _quantize_locked(
    folder: "RunFolder",
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
    from hwrts.report import write_report
    from hwrts.runs.documents import read_measures
    from hwrts.runs.folder import StageFolder
    from hwrts.runs.pipeline import quantise_variant
    from hwrts.runs.remarks import remarks
    from hwrts.runs.session import open_session
    from hwrts.settings_file import parse_config

    run = folder.root
    config = folder.config
    qat = parse_config({"qat": {**config.qat.model_dump(), **given}}, "command line", _flags(given)).qat
    number = stage or folder.finished_stage(None).number
    if not (folder.root / f"stage{number}" / "float.safetensors").is_file():
        raise RunFolderError(
            f"{folder.root}: stage {number} has no float network; finish it with "
            f"{command_line('run', '--resume', run)}"
        )
    prefix = "same_" if same_size else ""
    chosen: dict[str, Any] = {}
    if budget is not None:
        measured = folder.finished_stage(f"{number}-same" if same_size else str(number))
        choice, found = choose(folder, measured, budget, progress)
        if not as_json:
            title = f"{run}: widths chosen by the sensitivity of stage {measured.name}"
            print_choice(title, choice, found, budget)
        chosen = {"choice": asdict(choice)}
        qat = qat.model_copy(update={"layer_weight_bits": choice.widths})
    variant = f"{number}-{prefix}{_widths_name(config.network, qat, given, same_size=same_size)}"
    variant += f"a{qat.activation_bits}"
    steps = given.get("same_size_steps" if same_size else "steps")
    variant += f"s{steps}" if steps is not None else ""
    variant += f"_{qat.rounding.replace(',', '_')}" if qat.rounding != config.qat.rounding else ""
    if qat.exact_additions is not config.qat.exact_additions:
        variant += "_exact" if qat.exact_additions else "_inexact"
    if qat.one_weight_grid is not config.qat.one_weight_grid:
        variant += "_grid" if qat.one_weight_grid else "_grids"
    target = folder.root / f"stage{variant}"
    if StageFolder(target).finished and not force:
        raise RunFolderError(f"{target}: exists already; replace it with --force or choose other widths")
    passed = quantise_variant(open_session(folder, progress), number, variant, qat)
    write_report(folder)
    if as_json:
        measures = read_measures(folder.stage(variant).metrics)
        print_json({**measures, "warnings": remarks(measures), **chosen})
    else:
        print_stages(folder)
        print_line(f"next: {command_line('export', run, '--stage', variant, *_for(client), '-o', 'DIR')}")
    return passed


def _for(client: str | None) -> tuple[str, ...]:
    """Words that ask for the file of a client."""
    return () if client is None else ("--target", client, "--size", "HxW")


def _flags(given: dict[str, Any]) -> dict[str, str]:
    """The flags that settings of QatConfig came from, by dotted key."""
    return {f"qat.{key}": "--qat-steps" if key.endswith("steps") else flag_of(f"qat.{key}") for key in given}


def _widths_name(
    network: "NetworkConfig", qat: "QatConfig", given: dict[str, Any], *, same_size: bool
) -> str:
    """The part of a variant's name that says how wide its weights are."""
    if not qat.layer_weight_bits:
        return f"w{qat.weight_bits}"
    from hwrts.graph.deploy import deploy_form
    from hwrts.graph.trace import trace
    from hwrts.graph.weight_bits import check_layers, check_one_width, conv_names, layer_widths, widths_name
    from hwrts.networks.build import build_network

    names = conv_names(deploy_form(trace(build_network(network).eval()), same_size=same_size))
    check_layers(given.get("layer_weight_bits", {}), names)  # the run's own may be of its other form
    if "weight_bits" in given:
        check_one_width(given["layer_weight_bits"], names)
    return widths_name(layer_widths(names, qat.weight_bits, qat.layer_weight_bits))


def _quantize_own(
    reference: str,
    weights: Path | None,
    data: Path | None,
    max_megapixels: int | None,
    output: Path | None,
    settings: dict[str, Any],
    client: str | None,
    force: bool,
    progress: ConsoleProgress,
    *,
    as_json: bool,
) -> bool:
    from hwrts.data import MAX_MEGAPIXELS
    from hwrts.files.lock import writing
    from hwrts.files.new_folder import new_folder
    from hwrts.graph.user_code import own_code
    from hwrts.runs.documents import read_measures
    from hwrts.runs.folder import RunFolder, check_replaceable, write_json
    from hwrts.runs.own_module import load_own
    from hwrts.runs.quantise_own import quantise_own
    from hwrts.runs.remarks import faithfulness, is_faithful, remarks, unfaithful_end
    from hwrts.settings_file import parse_config

    qat = parse_config({"qat": settings}, "command line", _flags(settings)).qat
    path, _, function = reference.rpartition(":")
    root = output or Path("runs") / f"{Path(path).stem}-{function}"
    if root.name in ("", ".."):
        raise ConfigError(f"--output {root}: give the name of a folder to make")
    with writing(root):
        check_replaceable(root, force=force, advice="choose another folder with --output")
        with own_code(reference):
            own = load_own(reference, weights, progress)
        notes = {
            **run_notes(seed=0),
            "module": reference,
            "weights": None if weights is None else str(weights),
            **({} if own.inputs is None else {"inputs": f"{path}:inputs"}),
            "qat": qat.model_dump(exclude={"same_size", "same_size_steps"}),
        }
        with new_folder(root, "choose another folder with --output") as folder:
            write_json(folder / "run.json", notes)
            with own_code(reference):
                verdict = quantise_own(
                    RunFolder(folder), own, data, qat, progress, max_megapixels or MAX_MEGAPIXELS
                )
    stage = RunFolder(root).stage(1)
    measures = read_measures(stage.metrics)
    warnings, good = remarks(measures), verdict.passed and is_faithful(measures)
    if as_json:
        print_json(
            {
                "run": str(root),
                "traced_by": RunFolder(root).notes().get("traced_by"),
                "passed": verdict.passed,
                "compared": verdict.compared,
                "mismatches": verdict.mismatches,
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
        word = "PASSED" if verdict.passed else "FAILED"
        print_line(
            f"{word}: {verdict.mismatches:,} of {verdict.compared:,} codes differ; {faithfulness(measures)}"
        )
        print_line(f"files: {stage.root}")
        print_line(f"next:  {command_line('inspect', stage.root)}")
        print_line(f"       {command_line('export', root, *_for(client), '-o', 'handover')}")
    for warning in warnings:
        print_warning(warning)
    if verdict.passed and not good:
        print_warning(unfaithful_end(measures))
    return good
