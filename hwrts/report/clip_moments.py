"""Frames of clips that are compared: spread over their length, each with the one just before it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hwrts.data import MAX_MEGAPIXELS
from hwrts.data.luma import Luma
from hwrts.data.tiles import Upscaler
from hwrts.report.moments import Made, Make, Moment, Moments
from hwrts.video.colours import Rgb
from hwrts.video.formats import file_name
from hwrts.video.frames import Frame
from hwrts.video.layout import Pixels, Planes
from hwrts.video.luma import OfLuma
from hwrts.video.source import Clip


def of_clips(paths: Sequence[Path], frames: int, max_megapixels: int = MAX_MEGAPIXELS) -> Moments:
    """Frames as a network of red, green and blue sees them: 8-bit codes, by each clip's matrix and range.

    Every clip is decoded twice: once to its end, to count its frames, which files guess.

    Args:
        paths: Clips, whose frames are compared by their number.
        frames: How many; all where there are no more.
        max_megapixels: Refuse larger pictures.

    Raises:
        DataError: One can't be read.
    """
    found: list[str] = []
    counts = [_count(path, max_megapixels, found) for path in paths]
    count = min(counts)
    found += [
        f"{path}: has {many} frames, and another has {count}; those behind are not compared"
        for path, many in zip(paths, counts, strict=True)
        if many > count
    ]
    places = spread(count, frames)
    with contextlib.ExitStack() as opened:
        clips = []
        for path in paths:
            clips.append(_open(path, max_megapixels))
            opened.callback(clips[-1].close)
        closing = opened.pop_all()

    def each() -> Iterator[Moment]:
        with closing:
            wanted = {place - back for place in places for back in (0, 1)}
            last: tuple[int, Moment] | None = None
            for shown in zip(*(_frames(clip, wanted) for clip in clips), strict=True):
                number, seconds, _, planes = shown[0]
                made = tuple(codes for _, _, codes, _ in shown)
                before = last[1] if last is not None and last[0] == number - 1 else None
                frame = clips[0].layout, planes
                moment = Moment(f"frame {number}, {seconds:.3f} s", made[0], made, before, frame)
                last = number, Moment(moment.name, made[0], made, None, frame)  # without all those before it
                if number in places:
                    yield moment

    return Moments(len(places), each(), True, found)


def of_planes(
    network: Upscaler,
    scale: int,
    luma: Luma | None,
    bits: int,
    note: Callable[[str], None] = lambda text: None,
) -> Make:
    """A network on a clip's frames, as ``hwrts enhance`` uses it: on their own planes, with its own bits.

    Args:
        network: Codes (H, W, C) of what it sees to (SH, SW, C).
        scale: S.
        luma: What a network of luma has learnt from; None of one that sees red, green and blue.
        bits: Of its pixels.
        note: Told where the clip's luma is another than the network has learnt from.
    """

    def make(moment: Moment) -> Made:
        assert moment.frame is not None  # of a clip
        layout, planes = moment.frame
        of_luma = None if luma is None else OfLuma(layout, scale, luma, bits)
        if of_luma is not None and (text := of_luma.differs()) is not None:
            note(text)
        conversion = of_luma or Rgb(layout, scale, bits)
        seen = conversion.seen(planes)
        result = network(seen)
        larger = layout.sized(layout.height * scale, layout.width * scale)
        return Made(Rgb(larger, 1).seen(conversion.made(planes, seen, result)), seen, result, bits)

    return make


def spread(count: int, frames: int) -> list[int]:
    """The numbers of frames that are shown: the middle of each of as many parts of the clip.

    >>> spread(100, 4), spread(3, 8)
    ([12, 37, 62, 87], [0, 1, 2])
    """
    if frames >= count:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * frames) for i in range(frames)]


def _open(path: Path, max_megapixels: int) -> Clip:
    return Clip(str(path), file_name(path), max_megapixels=max_megapixels)


def _count(path: Path, max_megapixels: int, found: list[str]) -> int:
    """How many frames can be decoded; what can't be read is added to ``found``."""
    with contextlib.closing(_open(path, max_megapixels)) as clip:
        count = sum(isinstance(item, Frame) for item in clip.items())
    found.extend(clip.found)
    return count


def _frames(clip: Clip, wanted: set[int]) -> Iterator[tuple[int, float, Pixels, Planes]]:
    """Number, time in seconds, codes and planes of those that are wanted."""
    conversion, last = Rgb(clip.layout, 1), max(wanted)
    frames = (item for item in clip.items() if isinstance(item, Frame))
    for number, frame in enumerate(frames):
        if number in wanted:
            yield number, float(frame.time * clip.time_base), conversion.seen(frame.planes), frame.planes
        if number == last:
            return
