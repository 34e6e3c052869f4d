"""What hwrts enhance says of a clip: how far it is, what was made, and what could not be kept."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwrts.cli.console import LINE_SECONDS, ConsoleProgress, print_error, print_json, print_line, print_note
from hwrts.cli.standard_output import PIPE

if TYPE_CHECKING:
    from hwrts.metrics.flicker import Watch
    from hwrts.video.pump import Done
    from hwrts.video.source import Clip


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


@contextlib.contextmanager
def told(progress: ConsoleProgress, count: int | None) -> Iterator[Callable[[int], None]]:
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


@dataclass(frozen=True)
class Made:
    """What became of a clip, as :func:`say_made` says it."""

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


def say_made(sayings: Sayings, made: Made) -> None:
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


def rate_said(rate: Any) -> str:
    """Frames a second, as short as it is exact to a thousandth."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".") + " frames/s"
