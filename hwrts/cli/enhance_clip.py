"""hwrts enhance of a clip, or of what a pipe brings."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hwrts.cli.console import LINE_SECONDS, ConsoleProgress, print_error, print_json, print_line, print_note
from hwrts.cli.standard_output import StandardOutput
from hwrts.errors import ConfigError, DataError
from hwrts.extras import need

if TYPE_CHECKING:
    from hwrts.data.looking import Look
    from hwrts.data.luma import Luma
    from hwrts.data.tiles import Upscaler
    from hwrts.metrics.flicker import Watch
    from hwrts.video.pump import Done
    from hwrts.video.source import Clip

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


@dataclass(frozen=True)
class Sayings:
    """How ``hwrts enhance`` says what it does.

    Attributes:
        about: Stage and form, for the result.
        json: Print the result as JSON.
        progress: Who is told.
    """

    about: dict[str, Any]
    json: bool
    progress: ConsoleProgress


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
    sayings.progress.say(f"clip: {size}, {clip.layout.said()}{sees}, {_rate(clip.rate)}")
    encoding = Encoding(options.codec, options.crf, options.preset, options.lossless)
    watch = None if options.flicker is None else Watch(options.flicker, bits=bits)
    if watch is not None:
        network = watch.watching(network)
    start = time.perf_counter()
    with _told(sayings.progress, clip.count) as advance:
        target = StandardOutput() if str(output) == PIPE else output
        done, notes = enhance_clip(clip, target, network, scale, encoding, advance, look, luma, bits)
        shown = look.size(grid_of(clip.layout, scale))
        made = _Made(source, output, clip, shown, done, notes, watch, time.perf_counter() - start)
        if done.interrupted:  # the clip's last frame is not the last that was made
            _say(sayings, made)
            raise SystemExit(130)  # or the number of the signal, by who took it
    _say(sayings, made)
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


@dataclass(frozen=True)
class _Made:
    """What became of a clip, as :func:`_say` says it."""

    source: Path
    output: Path
    clip: "Clip"
    size: tuple[int, int]
    done: "Done"
    notes: list[str]
    watch: "Watch | None"
    seconds: float

    def entry(self) -> dict[str, Any]:
        """For JSON."""
        height, width = self.size
        entry = {
            "width": width, "height": height, "kind": self.clip.layout.said(), "frames": self.done.frames,
            "not_enhanced": self.done.passed, "interrupted": self.done.interrupted,
            "frames_per_second": round(self.done.frames / self.seconds, 2), "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip
        if self.watch is not None:
            entry["flicker"] = {"still": self.watch.still, **self.watch.figures().document()}
        return entry


def _say(sayings: Sayings, made: _Made) -> None:
    """What was made, what could not be kept, and what could not be read."""
    entry = {"in": str(made.source), "out": str(made.output), **sayings.about, **made.entry()}
    done, output = made.done, made.output
    frames = f"{done.frames:,} frame{'s' * (done.frames != 1)}"
    piped = str(output) == PIPE
    say = print_note if piped else print_line
    if sayings.json:
        print_json([entry])
    elif not done.interrupted:
        say(
            f"{output}: {frames} of {entry['width']}x{entry['height']} {entry['kind']} in "
            f"{made.seconds:.1f} s, {entry['frames_per_second']:.1f} frames/s"
        )
    if not sayings.json:
        for note in [*made.notes, *_flicker(made.watch)]:
            say(f"  {note}")
    for text in made.clip.found:
        print_error(text)
    if done.interrupted:
        print_note(
            f"interrupted: {f'{frames} went through' if piped else f'{output} holds {frames}, and plays'}"
        )


def _flicker(watch: "Watch | None") -> list[str]:
    """The figures in a line; none if nobody asked."""
    if watch is None:
        return []
    found = watch.figures()
    if not found.pairs:
        return ["flicker: no pair of frames is there to compare: the network saw one at most"]
    if found.mean is None or found.input_mean is None or found.still_percent is None:
        return [
            f"flicker: no pixel is still: each, or one beside it, changes by more than {watch.still} codes"
        ]
    return [
        f"flicker: the correction changes by {found.mean:.3f} codes (99 of 100 by at most "
        f"{found.percentile_99}), the clip by {found.input_mean:.3f}, where that is still, by at most "
        f"{watch.still}: {found.still_percent:.1f} % of the picture"
    ]


def _input(source: Path) -> str:
    """As libav names it."""
    from hwrts.video.formats import file_name

    if str(source) != PIPE:
        return file_name(source)
    if sys.stdin is not None and sys.stdin.isatty():
        raise DataError("standard input: is a terminal; send a clip through a pipe, or give a file")
    return "pipe:0"


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
