"""hwrts evaluate: how well a network up-scales, by the protocol of the papers."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.options import MaxMegapixels, Quiet, RunArgument, option
from hwrts.cli.stage import choose_network
from hwrts.errors import ConfigError, HwrtsError

if TYPE_CHECKING:
    from hwrts.runs.benchmark import Enlarge, Scored
    from hwrts.runs.folder import RunFolder, StageFolder


def evaluate(
    run: RunArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder of originals, such as your copy of Set5.")],
    stage: Annotated[
        str | None, option("The x2 network of this name: 2, 2-w4a8 [of the kept stage].", "--stage")
    ] = None,
    lr: Annotated[
        str, option("Kernel that makes LR, bicubic or bilinear, or a folder of LR pictures [bicubic].")
    ] = "bicubic",
    max_megapixels: MaxMegapixels = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Y-PSNR and SSIM of up-scaled pictures, int8 and float, beside bicubic and Lanczos.

    As papers measure: LR by MATLAB's imresize in codes, originals cropped to a multiple of the scale, as many
    pixels shaved as the scale, Y of BT.601. LR pictures of your own have the originals' names (x2 or _x2 may
    follow). docs/measures.md says more.
    """
    from hwrts.data import MAX_MEGAPIXELS
    from hwrts.runs.benchmark import LrKernel, as_json, benchmark, means
    from hwrts.runs.folder import open_run
    from hwrts.runs.remarks import below_bicubic, trained_for

    low: LrKernel | Path
    if lr in get_args(LrKernel):
        low = lr  # type: ignore[assignment]
    elif (low := Path(lr)) and not low.is_dir():
        raise ConfigError(f"--lr {lr}: is no folder; give bicubic, bilinear, or a folder of LR pictures")
    folder = open_run(run)
    chosen = choose_network(folder, stage, x2=True, quiet=quiet)
    methods, scale = _methods(folder, chosen)
    progress = ConsoleProgress(quiet)
    scored = benchmark(data, methods, scale, low, progress, max_megapixels or MAX_MEGAPIXELS)
    psnr = {f"psnr_{name}_db": value for name, value in means(scored)["psnr_y_db"].items()}
    said = [below_bicubic({"stage": chosen.name, **psnr})]
    if folder.trained:
        said.append(trained_for(folder.config, chosen.number))
    notes = [text for text in said if text is not None]
    if json:
        what = {"run": str(run), "stage": chosen.name, "data": str(data), "scale": scale, "lr": lr}
        print_json({"schema_version": 1, **what, **as_json(scored), "warnings": notes})
        return
    _print(
        f"{data}: x{scale} of stage {chosen.name} from {lr} LR, Y of BT.601, {scale} pixels shaved", scored
    )
    for text in notes:
        print_line(text)


def _methods(folder: "RunFolder", stage: "StageFolder") -> "tuple[dict[str, Enlarge], int]":
    """The int8 network of a stage and, of a run that trained it, the float one; and how much they enlarge."""
    from hwrts.runs.engines import make_engine

    network = make_engine("onnxruntime", stage)
    if network.refusal is not None:
        raise HwrtsError(network.refusal)
    if network.enlargement == 1:
        other = f"--stage {stage.number}" if folder.trained else "a network that enlarges"
        raise ConfigError(f"stage {stage.name} of {folder.root}: its network keeps the size; use {other}")
    scale = network.enlargement
    if scale is None:
        lacks = network.sizes.lacks
        less = f" less {lacks[0]} rows and {lacks[1]} columns" if any(lacks) else ""
        raise ConfigError(
            f"stage {stage.name} of {folder.root}: its network makes pictures of x{network.scale}{less}; use "
            "a network that enlarges by a whole number"
        )
    methods: dict[str, Enlarge] = {"int8": network.upscale}
    if not folder.trained:
        return methods, scale  # the module's code is not in the folder
    from hwrts.networks.build import build_network
    from hwrts.training.checkpoint import fit_weights
    from hwrts.training.rts import float_upscaler

    model = build_network(folder.config.network)
    fit_weights(folder.root / f"stage{stage.number}" / stage.float_weights.name, model)
    exact = replace(network, codes=float_upscaler(model, model, "cpu"))
    return {"float": exact.upscale, **methods}, scale


def _print(title: str, scored: "list[Scored]") -> None:
    from hwrts.runs.benchmark import GREY_DB, means

    mean = means(scored)
    methods = list(mean["psnr_y_db"])
    rows = [
        [name, *(f"{psnr[method]:.2f}" for method in methods), *(f"{ssim[method]:.4f}" for method in methods)]
        for name, psnr, ssim in (
            *((each.name, each.psnr_y_db, each.ssim_y) for each in scored),
            ("mean", mean["psnr_y_db"], mean["ssim_y"]),
        )
    ]
    columns = [
        "picture",
        *(f"{method}\ndB" for method in methods),
        *(f"{method}\nSSIM" for method in methods),
    ]
    spare = [f"{method}\nSSIM" for method in methods]
    print_table(title, columns, rows, spare, paths=True)
    grey = sum(each.grey for each in scored)
    if grey:
        what = "1 picture has" if grey == 1 else f"{grey} pictures have"
        more = GREY_DB * grey / len(scored)
        print_line(
            f"{what} one channel and is measured on its codes, as MATLAB's scripts do; on Y the mean dB is "
            f"{more:.2f} more"
        )
