"""hwrts enhance of a clip, or of what a pipe brings."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from hwrts.cli.console import LINE_SECONDS, ConsoleProgress, print_error, print_json, print_line, print_note
from hwrts.errors import ConfigError, DataError
from hwrts.extras import need

if TYPE_CHECKING:
    from hwrts.data.depth import Codes

PIPE = "-"


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

    def given(self) -> str | None:
        """The first flag that was given, for who enhances pictures."""
        return next((f"--{name}" for name, value in vars(self).items() if value), None)


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
    network: "Callable[[Codes], Codes]",
    scale: int | None,
    options: ClipOptions,
    about: dict[str, Any],
    *,
    max_megapixels: int,
    force: bool,
    json: bool,
    progress: ConsoleProgress,
) -> None:
    """One clip through a network, said as ``hwrts enhance`` says it.

    Args:
        sources: What was given; one name.
        output: The clip to write, or -.
        network: Codes to codes.
        scale: How much larger they are; None of a network that makes pictures of another size.
        options: Of clips.
        about: Stage and form, for the result.
        max_megapixels: Refuse larger pictures.
        force: Replace a file.
        json: Print the result as JSON.
        progress: Who is told.
    """
    need("video", "clips")
    from hwrts.video.enhance import enhance_clip
    from hwrts.video.raw import Raw
    from hwrts.video.sink import CRF, Encoding
    from hwrts.video.source import Clip

    if len(sources) != 1:
        raise DataError(f"{sources[1]}: a call takes one clip; enhance the others in calls of their own")
    if scale is None:
        raise DataError(
            "the network makes pictures that are smaller, or lack rows, and a clip's frames keep their size "
            "or become a whole number of times larger; enhance pictures with it"
        )
    (source,) = sources
    piped = str(output) == PIPE
    if json and piped:
        raise ConfigError("--json: would be written between the pictures of -o -; leave it out")
    if not piped and output.is_dir():
        raise DataError(f"{output}: is a folder; give the name of a clip, such as {output / 'out.mkv'}")
    if not piped and output.exists() and not force:
        raise DataError(f"{output}: exists already; write elsewhere or replace it with --force")
    encoding = Encoding(
        codec=options.codec or "libx264",
        crf=CRF if options.crf is None else options.crf,
        preset=options.preset or "medium",
        lossless=options.lossless,
    )
    clip = Clip(
        "standard input" if str(source) == PIPE else str(source),
        _input(source),
        raw=Raw.of(options.raw) if options.raw else None,
        matrix=options.matrix,
        strict=options.strict,
        max_megapixels=max_megapixels,
    )
    sees = ", of which the network sees 8" if clip.layout.bits > 8 else ""
    size = f"{clip.layout.width}x{clip.layout.height}"
    progress.say(f"clip: {size}, {clip.layout.said()}{sees}, {_rate(clip.rate)}")
    start = time.perf_counter()
    with _told(progress, clip.count) as advance, _target(output) as target:
        done, notes = enhance_clip(clip, target, network, scale, encoding, advance)
        seconds = time.perf_counter() - start
        if done.interrupted:
            print_note(f"interrupted: {output} holds {done.frames} frames, and plays")
            raise SystemExit(130)  # or the number of the signal, by who took it
    height, width = clip.layout.shapes(scale)[0]
    entry = {
        "in": str(source), "out": str(output), **about, "width": width, "height": height,
        "kind": clip.layout.said(), "frames": done.frames, "not_enhanced": done.passed,
        "frames_per_second": round(done.frames / seconds, 2), "notes": notes, "seconds": round(seconds, 3),
    }  # fmt: skip
    if json:
        print_json([entry])
    else:
        say = print_note if piped else print_line
        say(
            f"{output}: {done.frames} frames of {width}x{height} {entry['kind']} in {seconds:.1f} s, "
            f"{entry['frames_per_second']:.1f} frames/s"
        )
        for note in notes:
            say(f"  {note}")
    for text in clip.found:
        print_error(text)
    if clip.found:
        raise typer.Exit(1)


def _input(source: Path) -> str:
    """As libav names it."""
    from hwrts.video.formats import file_name

    if str(source) != PIPE:
        return file_name(source)
    if sys.stdin is not None and sys.stdin.isatty():
        raise DataError("standard input: is a terminal; send a clip through a pipe, or give a file")
    return "pipe:0"


@contextlib.contextmanager
def _target(output: Path) -> "Iterator[Path | BinaryIO]":
    """The file's name, or standard output past the stream of Python."""
    if str(output) != PIPE:
        yield output
        return
    if os.isatty(1):
        raise DataError("standard output: is a terminal; send it into a pipe, or name a file by -o")
    with os.fdopen(os.dup(1), "wb") as file:
        try:
            yield file
            file.flush()
        except BrokenPipeError:
            with contextlib.suppress(OSError):
                file.close()
            raise DataError("standard output: its reader is gone; the clip is not complete") from None


@contextlib.contextmanager
def _told(progress: ConsoleProgress, count: int | None) -> Iterator[Callable[[int], None]]:
    """Progress with the frames of a second; of a pipe, whose end nobody knows, a line now and then."""
    start = said = time.monotonic()

    def pace(done: int) -> str:
        return f"{done / max(time.monotonic() - start, 1e-3):.1f} frames/s"

    if count is not None:
        with progress.task("enhancing", count) as advance:
            yield lambda done: advance(min(done, count), pace(done))
        return

    def line(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > LINE_SECONDS:
            said = time.monotonic()
            progress.say(f"enhancing: {done} frames, {pace(done)}")

    yield line


def _rate(rate: Any) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".") + " frames/s"
