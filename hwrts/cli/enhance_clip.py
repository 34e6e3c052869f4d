"""hwrts enhance of a clip, or of what a pipe brings."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hwrts.cli.clip_said import Made, Sayings, rate_said, say_made, told
from hwrts.cli.standard_output import PIPE, StandardOutput
from hwrts.errors import ConfigError, DataError
from hwrts.extras import need

if TYPE_CHECKING:
    from hwrts.data.looking import Look
    from hwrts.data.luma import Luma
    from hwrts.data.tiles import Upscaler


@dataclass(frozen=True)
class ClipOptions:
    """What ``hwrts enhance`` is told of clips alone."""

    codec: str | None
    crf: int | None
    preset: str | None
    lossless: bool
    raw: str | None
    matrix: str | None
    strict: bool
    flicker: int | None = None

    def given(self) -> str | None:
        """The first flag that was given, for who enhances pictures."""
        return next((f"--{name}" for name, value in vars(self).items() if _is_given(value)), None)


def _is_given(value: str | int | None) -> bool:
    return value is not None and value is not False  # --crf 0 is given


def is_clip(sources: list[Path], output: Path, options: ClipOptions) -> bool:
    """Whether the words name a clip and no pictures."""
    from hwrts.video.formats import SUFFIXES

    names = [*sources, output]
    return options.raw is not None or any(
        str(each) == PIPE or (each.suffix.lower() in SUFFIXES and not each.is_dir()) for each in names
    )


def enhance_one(
    sources: list[Path],
    output: Path,
    network: "Upscaler",
    scale: int | None,
    options: ClipOptions,
    sayings: Sayings,
    *,
    look: "Look",
    max_megapixels: int,
    force: bool,
    luma: "Luma | None" = None,
    bits: int = 8,
) -> None:
    """One clip through a network, said as ``hwrts enhance`` says it.

    Args:
        sources: What was given; one name.
        output: The clip to write, or -.
        network: Codes to codes.
        scale: How much larger they are; None of a network that makes pictures of another size.
        options: Of clips.
        sayings: How the result is said.
        look: How frames are shown.
        max_megapixels: Refuse larger pictures.
        force: Replace a file.
        luma: Of a network of luma, what it has learnt from.
        bits: Of the network's pixels.
    """
    need("video", "clips")
    from hwrts.metrics.flicker import Watch
    from hwrts.video.encoding import Encoding
    from hwrts.video.enhance import enhance_clip
    from hwrts.video.raw import Raw
    from hwrts.video.shown import grid_of
    from hwrts.video.source import Clip
    from hwrts.video.threads import aside

    source, scale = _checked(sources, output, scale, force=force, json=sayings.json)
    raw, file = Raw.of(options.raw) if options.raw else None, _input(source)
    clip = aside(
        lambda: Clip(
            "standard input" if str(source) == PIPE else str(source),
            file,
            raw=raw,
            matrix=options.matrix,
            strict=options.strict,
            max_megapixels=max_megapixels,
        )
    )
    sees = "" if luma is None else ", of which the network sees luma"
    sees += f", of which the network sees {bits}" * (not sees) if clip.layout.bits > bits else ""
    size = f"{clip.layout.width}x{clip.layout.height}"
    sayings.progress.say(f"clip: {size}, {clip.layout.said()}{sees}, {rate_said(clip.rate)}")
    encoding = Encoding(options.codec, options.crf, options.preset, options.lossless)
    watch = None if options.flicker is None else Watch(options.flicker, bits=bits)
    if watch is not None:
        network = watch.watching(network)
    start = time.perf_counter()
    with told(sayings.progress, clip.count) as advance:
        target = StandardOutput() if str(output) == PIPE else output
        done, notes = enhance_clip(clip, target, network, scale, encoding, advance, look, luma, bits)
        shown = look.size(grid_of(clip.layout, scale))
        made = Made(source, output, clip, shown, done, notes, watch, time.perf_counter() - start)
        if done.interrupted:  # the clip's last frame is not the last that was made
            say_made(sayings, made)
            raise SystemExit(130)  # or the number of the signal, by who took it
    say_made(sayings, made)
    if clip.found:
        raise typer.Exit(1)


def _checked(
    sources: list[Path], output: Path, scale: int | None, *, force: bool, json: bool
) -> tuple[Path, int]:
    """The clip and how much larger it becomes, where the words fit together."""
    if len(sources) != 1:
        raise DataError(f"{sources[1]}: a call takes one clip; enhance the others in calls of their own")
    if scale is None:
        raise DataError(
            "the network makes pictures that are smaller, or lack rows, and a clip's frames keep their size "
            "or become a whole number of times larger; enhance pictures with it"
        )
    piped = str(output) == PIPE
    if json and piped:
        raise ConfigError("--json: would be written between the pictures of -o -; leave it out")
    if not piped and output.is_dir():
        raise DataError(f"{output}: is a folder; give the name of a clip, such as {output / 'out.mkv'}")
    if not piped and output.exists() and not force:
        raise DataError(f"{output}: exists already; write elsewhere or replace it with --force")
    return sources[0], scale


def _input(source: Path) -> str:
    """As libav names it."""
    from hwrts.video.formats import file_name

    if str(source) != PIPE:
        return file_name(source)
    if sys.stdin is not None and sys.stdin.isatty():
        raise DataError("standard input: is a terminal; send a clip through a pipe, or give a file")
    return "pipe:0"
