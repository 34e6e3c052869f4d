"""Frames of clips that are compared: spread over their length, each with the one just before it."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hwrts.data import MAX_MEGAPIXELS
from hwrts.data.depth import Codes
from hwrts.report.moments import Moment, Moments
from hwrts.video.colours import Rgb
from hwrts.video.formats import file_name
from hwrts.video.frames import Frame
from hwrts.video.source import Clip


def of_clips(paths: Sequence[Path], frames: int, max_megapixels: int = MAX_MEGAPIXELS) -> Moments:
    """Frames as a network of red, green and blue sees them: 8-bit codes, by each clip's matrix and range.

    Args:
        paths: Clips, whose frames are compared by their number.
        frames: How many; all where there are no more.
        max_megapixels: Refuse larger pictures.

    Raises:
        DataError: One can't be read.
    """
    found: list[str] = []
    with contextlib.ExitStack() as opened:
        clips = []
        for path in paths:
            clips.append(Clip(str(path), file_name(path), max_megapixels=max_megapixels))
            opened.callback(clips[-1].close)
        count = min(clip.count or 1 for clip in clips)
        places = spread(count, frames)
        closing = opened.pop_all()

    def each() -> Iterator[Moment]:
        with closing:
            wanted = {place - back for place in places for back in (0, 1)}
            last: tuple[int, Moment] | None = None
            for shown in zip(*(_frames(clip, wanted) for clip in clips), strict=False):
                number, seconds, _ = shown[0]
                made = tuple(codes for _, _, codes in shown)
                before = last[1] if last is not None and last[0] == number - 1 else None
                moment = Moment(f"frame {number}, {seconds:.3f} s", made[0], made, before)
                last = number, Moment(moment.name, made[0], made)  # without all those before it
                if number in places:
                    yield moment
            for clip in clips:
                found.extend(clip.found)

    return Moments(len(places), each(), True, found)


def spread(count: int, frames: int) -> list[int]:
    """The numbers of frames that are shown: the middle of each of as many parts of the clip.

    >>> spread(100, 4), spread(3, 8)
    ([12, 37, 62, 87], [0, 1, 2])
    """
    if frames >= count:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * frames) for i in range(frames)]


def _frames(clip: Clip, wanted: set[int]) -> Iterator[tuple[int, float, Codes]]:
    """Number, time in seconds and codes of those that are wanted."""
    conversion, number, last = Rgb(clip.layout, 1), -1, max(wanted)
    for item in clip.items():
        if not isinstance(item, Frame):
            continue
        number += 1
        if number in wanted:
            yield number, float(item.time * clip.time_base), conversion.seen(item.planes)
        if number == last:
            return
    if number + 1 < last:  # how many there are is rounded where a file says how long it is
        clip.found.append(f"{clip.path}: ends behind {number + 1} frames, so those behind are not compared")
