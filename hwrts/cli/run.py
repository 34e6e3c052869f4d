"""hwrts run: train, quantise, export and verify, and write a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line
from hwrts.cli.interrupt import LastWords
from hwrts.cli.options import (
    Quiet,
    RequireOption,
    max_megapixels_option,
    option,
    reduce_range_option,
    run_folders,
)
from hwrts.cli.stage import print_stages
from hwrts.command_line import command_line
from hwrts.errors import ConfigError
from hwrts.runs.settings import resolve_config, run_notes, weight_bits_of

if TYPE_CHECKING:
    from hwrts.config import RunConfig
    from hwrts.runs.folder import RunFolder

PHOTOGRAPHS, NETWORK, TRAINING = "Photographs and how LR is made of them", "Network", "Training"
INTEGERS, MACHINE, FOLDER = "Quantisation", "Machine", "Folder of the run"


def run(
    config: Annotated[
        str | None,
        typer.Argument(
            help="TOML file of settings; or 'upscale', to up-scale and not enhance; or 'paper', its set-up."
        ),
    ] = None,
    data: Annotated[
        Path | None, option("Folder of photographs (default: the embedded ones).", panel=PHOTOGRAPHS)
    ] = None,
    val: Annotated[Path | None, option("Folder of validation photographs.", panel=PHOTOGRAPHS)] = None,
    val_fraction: Annotated[
        float | None, option("Share kept for validation without a folder [0.1].", panel=PHOTOGRAPHS)
    ] = None,
    strict: Annotated[
        bool | None,
        typer.Option("--strict", help="Refuse a folder with a broken image.", rich_help_panel=PHOTOGRAPHS),
    ] = None,
    max_megapixels: Annotated[int | None, max_megapixels_option(panel=PHOTOGRAPHS)] = None,
    jpeg: Annotated[
        str | None, option("JPEG quality, a range such as 70-90, or none [80].", panel=PHOTOGRAPHS)
    ] = None,
    kernel: Annotated[
        str | None,
        option(
            "Down-scaling kernel: box, bilinear, hamming, bicubic, lanczos, or several: a,b [bilinear].",
            panel=PHOTOGRAPHS,
        ),
    ] = None,
    blur: Annotated[
        str | None,
        option(
            "Blur before down-scaling, sigma in pixels, or a range: 0.2-0.8; more sharpens more [0].",
            panel=PHOTOGRAPHS,
        ),
    ] = None,
    network: Annotated[
        str | None,
        option(
            "residual, srcnn, vdsr, srresnet, edsr, abpn, quicksrnet, sesr, espcn, ecbsr, imdn, rlfn, span, "
            "xlsr, fsrcnn or unet [residual].",
            "--network",
            panel=NETWORK,
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        option("N of Residual-N [1]; blocks of other networks [as in their papers].", panel=NETWORK),
    ] = None,
    channels: Annotated[
        int | None, option("Width of the hidden tensors [32; others as in their papers].", panel=NETWORK)
    ] = None,
    expand: Annotated[
        int | None,
        option("Train convolutions so many times wider; what is deployed is the same [1].", panel=NETWORK),
    ] = None,
    colour: Annotated[
        str | None,
        option("What it sees: rgb, or luma (Y') alone, with one channel in and out [rgb].", panel=NETWORK),
    ] = None,
    matrix: Annotated[str | None, option("Of luma: bt709 or bt601 [bt709].", panel=NETWORK)] = None,
    range_: Annotated[
        str | None, option("Of luma: limited or full [limited].", "--range", panel=NETWORK)
    ] = None,
    chroma: Annotated[
        str | None,
        option("Of luma, how colours become larger: bicubic or bilinear [bicubic].", panel=NETWORK),
    ] = None,
    padding: Annotated[
        str | None,
        option("What convolutions see around the picture: replicate or zero [replicate].", panel=NETWORK),
    ] = None,
    stages: Annotated[str | None, option("Number of RTS stages, or auto [3].", panel=TRAINING)] = None,
    first_steps: Annotated[int | None, option("Training steps of stage 1 [1000].", panel=TRAINING)] = None,
    steps: Annotated[int | None, option("Training steps of later stages [400].", panel=TRAINING)] = None,
    epochs: Annotated[int | None, option("Passes over all crops, in place of steps.", panel=TRAINING)] = None,
    stop: Annotated[
        str | None, option("Stop --stages auto by change or by score [change].", panel=TRAINING)
    ] = None,
    score: Annotated[
        bool | None,
        typer.Option(
            "--score/--no-score",
            help=r"Measure VIQET's score \[yes].",
            show_default=False,
            rich_help_panel=TRAINING,
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            "--teacher",
            help="Folder of a larger run to train towards, beside the targets.",
            show_default=False,
            rich_help_panel=TRAINING,
            autocompletion=run_folders,
        ),
    ] = None,
    teacher_share: Annotated[
        float | None, option("Its share of what is minimised, 0 to 1 [0.5].", panel=TRAINING)
    ] = None,
    batch: Annotated[int | None, option("Crops per step [16].", panel=TRAINING)] = None,
    patch: Annotated[int | None, option("Side of a crop in original pixels [128].", panel=TRAINING)] = None,
    qat_steps: Annotated[int | None, option("Fine-tuning steps per stage [300].", panel=INTEGERS)] = None,
    weight_bits: Annotated[int | None, option("Width of the weights, 2..8 [8].", panel=INTEGERS)] = None,
    activation_bits: Annotated[
        int | None, option("Width of inner tensors, 2..8 [8].", panel=INTEGERS)
    ] = None,
    hidden_bits: Annotated[
        int | None,
        option("Width of hidden tensors alone, 2..8 [as activation-bits].", panel=INTEGERS),
    ] = None,
    skip_bits: Annotated[
        int | None, option("Width of tensors that carry the picture, 8, 10, 12 or 16 [8].", panel=INTEGERS)
    ] = None,
    accumulator_bits: Annotated[
        int | None, option("Width of accumulators to train for, 9..24 [as they come].", panel=INTEGERS)
    ] = None,
    pixel_bits: Annotated[
        int | None, option("Width of the pixels in and out, 8, 10 or 12 [8].", panel=INTEGERS)
    ] = None,
    reduce_range: Annotated[bool, reduce_range_option(panel=INTEGERS)] = False,
    rounding: Annotated[
        str | None,
        option(
            "half_even, half_up, half_away, floor or double; or two, of convolutions and of additions: "
            "half_even,half_up [half_even].",
            panel=INTEGERS,
        ),
    ] = None,
    same_size: Annotated[
        bool | None,
        typer.Option(
            "--same-size/--no-same-size",
            help=r"Make the same-size networks too \[yes].",
            show_default=False,
            rich_help_panel=INTEGERS,
        ),
    ] = None,
    same_size_steps: Annotated[
        int | None, option("Fine-tuning steps of a same-size network [100].", panel=INTEGERS)
    ] = None,
    seed: Annotated[int | None, option("Makes everything repeatable [0].", panel=MACHINE)] = None,
    device: Annotated[str | None, option("auto, cpu, cuda, cuda:N or mps [auto].", panel=MACHINE)] = None,
    precision: Annotated[str | None, option("auto, float32 or bf16 [auto].", panel=MACHINE)] = None,
    name: Annotated[str | None, option("Name of the run; its folder is runs/NAME.", panel=FOLDER)] = None,
    output: Annotated[
        Path | None, option("Folder of the run, in place of --name.", "--output", "-o", panel=FOLDER)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Continue the run in this folder.",
            show_default=False,
            rich_help_panel=FOLDER,
            autocompletion=run_folders,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace a run of the same name, which stays until this one is finished.",
            rich_help_panel=FOLDER,
        ),
    ] = False,
    require: RequireOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train, quantise, export and verify, stage by stage, and write a report."""
    from hwrts.api.train import finish_run, interrupted_run, make_run
    from hwrts.files.lock import writing
    from hwrts.runs.folder import RunFolder, open_run
    from hwrts.runs.requirements import parse_requirements

    limits = parse_requirements(require) if require is not None else {}
    flags = {
        "seed": seed, "device": device, "precision": precision,
        "data.train": _text(data), "data.val": _text(val), "data.val_fraction": val_fraction,
        "data.strict": strict, "data.max_megapixels": max_megapixels,
        "data.patch": patch, "degradation.jpeg": _range(jpeg, int), "degradation.kernel": _several(kernel),
        "degradation.blur": _range(blur, float),
        "network.name": network, "network.blocks": blocks, "network.channels": channels,
        "network.expand": expand, "network.padding": padding,
        "network.colour": colour, "network.matrix": matrix, "network.range": range_, "network.chroma": chroma,
        "rts.stages": _number(stages), "rts.first_steps": first_steps, "rts.steps": steps,
        "rts.teacher": _text(teacher), "rts.teacher_share": teacher_share,
        "rts.epochs": epochs, "rts.batch": batch, "rts.stop": stop, "rts.score": score,
        "qat.steps": qat_steps, "qat.weight_bits": weight_bits_of(weight_bits, reduce_range),
        "qat.activation_bits": activation_bits, "qat.pixel_bits": pixel_bits, "qat.rounding": rounding,
        "qat.same_size": same_size, "qat.same_size_steps": same_size_steps,
        "qat.accumulator_bits": accumulator_bits, "qat.hidden_bits": hidden_bits,
        "qat.skip_bits": skip_bits,
    }  # fmt: skip
    given = {key: value for key, value in flags.items() if value is not None}
    progress = ConsoleProgress(quiet)
    if resume is not None:
        if config or given or name or output or force:
            raise ConfigError("--resume: takes no other settings, the run keeps its own; leave them out")
        root = open_run(resume).root
    else:
        resolved = resolve_config(config, given, progress)
        root = root_of(name, output, _default_name(resolved))
    with writing(root):
        folder = (
            interrupted_run(root)
            if resume is not None
            else make_run(root, resolved, run_notes(resolved.seed), progress, force=force)
        )
        with LastWords(f"interrupted; continue with: {command_line('run', '--resume', root)}"):
            passed = finish_run(folder, root, progress)
    missed = _unmet(RunFolder(root), limits)
    _print_result(RunFolder(root), missed, as_json=json)
    if not passed or missed:
        raise typer.Exit(1)


def root_of(name: str | None, output: Path | None, default: str) -> Path:
    """The folder that --name and --output ask for."""
    if output is not None:
        if name is not None:
            raise ConfigError("--name and --output: both say where the run goes; give one of the two")
        if output.name in ("", ".."):
            raise ConfigError(f"--output {output}: give the name of a folder to make")
        return output
    root = Path("runs") / (name or default)
    if len(root.parts) != 2 or root.name == "..":
        raise ConfigError(
            f"--name {name!r}: use a plain name, without slashes, for runs/NAME; another place is --output"
        )
    return root


def _unmet(folder: "RunFolder", limits: "dict[str, float]") -> list[str]:
    """What is required of the kept stage's networks, x2 and same-size, and is not so."""
    from hwrts.runs.documents import read_measures
    from hwrts.runs.requirements import unmet

    best = folder.finished_stage(None)
    networks = {stage.name: stage for stage in (best, folder.enhancing_stage(best.name))}
    return [
        f"stage {name}: {text}"
        for name, stage in networks.items()
        for text in unmet(read_measures(stage.metrics), limits)
    ]


def _print_result(folder: "RunFolder", missed: list[str], *, as_json: bool) -> None:
    from hwrts.report.summary import next_commands
    from hwrts.runs.documents import read_measures, read_verdict
    from hwrts.runs.remarks import purpose, remarks

    best = folder.finished_stage(None)
    if as_json:
        stages = [
            {
                **read_measures(stage.metrics),
                **{k: read_verdict(stage.verify)[k] for k in ("passed", "compared", "mismatches")},
                "warnings": remarks(read_measures(stage.metrics)),
            }
            for stage in folder.stages()
        ]
        print_json(
            {
                "run": str(folder.root),
                "best_stage": best.name,
                "report": str(folder.report),
                "stages": stages,
                "unmet": missed,
            }
        )
        return
    print_stages(folder)
    for text in missed:
        print_line(f"NOT MET: {text}")
    print_line(f"for:    {purpose(folder.config)}")
    print_line(f"report: {folder.report}")
    for i, (_, command) in enumerate(next_commands(folder, best.name)[:4]):
        print_line(f"{'' if i else 'next:':7} {command}")


def _default_name(config: "RunConfig") -> str:
    source = Path(config.data.train).resolve().name if config.data.train else "embedded"
    return f"{source}-{config.network.slug}"


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdigit() else text


def _range(text: str | None, kind: type[int] | type[float]) -> Any:
    """A number, two with a dash between them, or the text itself, which the settings allow or refuse."""
    if text is None:
        return None
    parts = text.split("-") if not text.startswith("-") else [text]
    try:
        numbers = tuple(kind(part) for part in parts)
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def _several(text: str | None) -> str | list[str] | None:
    """A word, or those that commas part."""
    return text.split(",") if text is not None and "," in text else text
