"""hwrts enhance: a finished network on pictures of any size, and on clips."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwrts.cli.clip_said import Sayings
from hwrts.cli.console import ConsoleProgress
from hwrts.cli.enhance_clip import ClipOptions, enhance_one, is_clip
from hwrts.cli.enhance_still import enhance_stills
from hwrts.cli.options import (
    CoringOption,
    MaxMegapixels,
    OvershootOption,
    Quiet,
    StageOption,
    StrengthOption,
    option,
    run_folders,
)
from hwrts.cli.stage import choose_network
from hwrts.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwrts.data.depth import Codes
    from hwrts.data.tiles import Upscaler
    from hwrts.runs.engines import Deployed

LOOKING = "Looking"
CLIPS = "Clips"
"""Groups of options."""


def enhance(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, or folders of pictures; or a clip, - for one in a pipe.", metavar="IN..."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Picture to write, a folder for several; or a clip, - for Y4M into a pipe."
        ),
    ],
    run: Annotated[Path, typer.Option("--run", help="Run folder.", autocompletion=run_folders)],
    stage: StageOption = None,
    same_size: Annotated[
        bool,
        typer.Option(
            "--same-size/--x2",
            help="Enhance at the same size (by an x2 network with the down-scaler behind it, D(S(x))), or "
            "up-scale by 2, S(x); by 3 or 4 if a module of your own does.",
        ),
    ] = True,
    engine: Annotated[
        str,
        typer.Option(help="onnxruntime, numpy, native (C, compiled once) or torch; all give the same bytes."),
    ] = "onnxruntime",
    max_megapixels: MaxMegapixels = None,
    split_screen: Annotated[
        str | None,
        option(
            "The original left of a line: where it stands, 0 to 1, or sweep, for clips.",
            "--split-screen",
            panel=LOOKING,
        ),
    ] = None,
    side_by_side: Annotated[
        bool, option("The original on the left, the result on the right.", "--side-by-side", panel=LOOKING)
    ] = False,
    zoom: Annotated[
        str | None,
        option("Show X,Y,W,H of the input alone, its pixels repeated.", "--zoom", panel=LOOKING),
    ] = None,
    strength: StrengthOption = None,
    coring: CoringOption = None,
    overshoot: OvershootOption = None,
    codec: Annotated[
        str | None,
        option(r"Of a clip: libx264, libx265 or ffv1 [libx264].", "--codec", panel=CLIPS),
    ] = None,
    crf: Annotated[
        int | None,
        option("Quality of libx264 and libx265, 0 (best) to 51 [16].", "--crf", panel=CLIPS, least=0),
    ] = None,
    preset: Annotated[
        str | None,
        option("How long those two search, ultrafast to veryslow [medium].", "--preset", panel=CLIPS),
    ] = None,
    lossless: Annotated[
        bool, option("Encode without any loss; ffv1 always does.", "--lossless", panel=CLIPS)
    ] = False,
    raw: Annotated[
        str | None,
        option("Layout of raw planes, such as 960x540,yuv420p,25.", "--raw", panel=CLIPS),
    ] = None,
    matrix: Annotated[
        str | None,
        option(
            "Matrix of a clip that names none: bt601, bt709, bt2020 [bt709 from 720 lines on, else bt601].",
            "--matrix",
            panel=CLIPS,
        ),
    ] = None,
    strict: Annotated[
        bool,
        option("Stop at a frame that is damaged; else it is passed through.", "--strict", panel=CLIPS),
    ] = False,
    flicker: Annotated[
        int | None,
        option(
            "Measure by how much the correction changes where the clip changes by at most so many codes, "
            "such as 8.",
            "--flicker",
            panel=CLIPS,
            least=0,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Enhance pictures or a clip with the int8 network, in tiles: memory stays bounded at 8K.

    Pictures stay what they were: 8 or 16 bits, grey or colours, alpha, ICC profile, EXIF and dpi. What can't
    be kept is said below each; a picture that can't be read is named at the end, with exit code 1.

    A clip keeps its chroma format, bits, range, matrix, times, sound and subtitles; it needs hwrts[video].
    Ctrl-C leaves a file that plays.
    """
    from hwrts.cli.looks import look_of
    from hwrts.data import MAX_MEGAPIXELS
    from hwrts.fixed_point import load_network
    from hwrts.runs.engines import make_engine
    from hwrts.runs.folder import open_run
    from hwrts.runs.remarks import trained_for
    from hwrts.runs.strength import asked_strength, said_of

    look = look_of(split_screen, zoom, side_by_side=side_by_side)
    how = asked_strength(strength, coring, overshoot)
    folder = open_run(run)
    chosen = choose_network(folder, stage, x2=not same_size, quiet=quiet)
    if not same_size:
        chosen.check_enlarges()

    def torch_upscaler() -> "Upscaler":
        from hwrts.qat.witness import exact_dtype
        from hwrts.runs.quantise import load_quantised
        from hwrts.training.rts import float_upscaler

        dtype = exact_dtype(load_network(chosen.root))
        quantised = load_quantised(chosen).to(dtype)
        return float_upscaler(quantised, lambda x: quantised(x.to(dtype)), "cpu")

    network = make_engine(engine, chosen, torch_upscaler, how)  # type: ignore[arg-type]
    form = "same-size" if network.scale == 1 else f"x{network.scale}"  # of the network, not of the call
    if network.scale == 1 and not same_size:
        raise ConfigError(f"{run}: its network keeps the size; leave --x2 out")
    same_size = same_size and network.enlargement is not None  # or what the network makes, whatever its size
    progress = ConsoleProgress(quiet)
    why = None if same_size or not folder.trained else trained_for(folder.config, chosen.number)
    clips = ClipOptions(codec, crf, preset, lossless, raw, matrix, strict, flicker)
    sayings = Sayings({"stage": chosen.name, "form": form, **said_of(how)}, json, progress)
    if is_clip(pictures, output, clips):
        if why is not None:
            progress.say(why)
        enhance_one(
            pictures,
            output,
            _on_frames(network, same_size=same_size),
            1 if same_size else network.enlargement,
            clips,
            sayings,
            look=look,
            max_megapixels=max_megapixels or MAX_MEGAPIXELS,
            force=force,
            luma=network.luma,
            bits=network.bits,
        )
        return
    if (flag := clips.given()) is not None:
        raise ConfigError(f"{flag}: is for clips, and {pictures[0]} is none; leave it out")
    enhance_stills(
        pictures,
        output,
        network,
        sayings,
        remark=why,
        engine=engine,
        same_size=same_size,
        look=look,
        max_megapixels=max_megapixels or MAX_MEGAPIXELS,
        force=force,
    )


def _on_frames(network: "Deployed", *, same_size: bool) -> "Callable[[Codes], Codes]":
    """What a network makes of what it sees of a frame; planes that it does not see go past it."""
    if network.luma is None:
        return network.enhance if same_size else network.upscale
    return network.enhance_seen if same_size else network.upscale_seen
