"""A whole clip through a network, into a file that is complete or not there, or into a pipe."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av

from hwrts.data.depth import Codes
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file
from hwrts.video.colours import Rgb
from hwrts.video.frames import said_of
from hwrts.video.layout import CURVES
from hwrts.video.pump import Done, Target, pump
from hwrts.video.sink import ContainerSink, Encoding, check_encoding
from hwrts.video.source import Clip
from hwrts.video.y4m import Y4mSink


def enhance_clip(
    clip: Clip,
    output: Path | BinaryIO,
    network: Callable[[Codes], Codes],
    scale: int,
    encoding: Encoding,
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[Done, list[str]]:
    """Every frame of a clip through a network, and into another clip.

    Args:
        clip: What is read; it is closed at the end.
        output: A file, by whose suffix its container goes; it appears when it is complete, or when Ctrl-C
            ended it and it holds a frame. Or an open pipe, which gets Y4M.
        network: Codes (H, W, 3) to (SH, SW, 3).
        scale: S.
        encoding: Of the frames; Y4M needs none.
        advance: Told how many frames are made.

    Returns:
        What went through, and what could not be kept, in a line each.

    Raises:
        DataError: It can't be read or written.
    """
    conversion = Rgb(clip.layout, scale)
    if not isinstance(output, Path):
        return _through(clip, conversion, network, Y4mSink(output, "standard output", clip, scale), advance)
    y4m = output.suffix.lower() == ".y4m"
    if not y4m:
        check_encoding(output, clip.layout, scale, encoding)
    with atomic_file(output) as file, _said(output):
        target: Target = (
            Y4mSink(file, str(output), clip, scale)
            if y4m
            else ContainerSink(file, output, clip, scale, encoding)
        )
        done, notes = _through(clip, conversion, network, target, advance)
        if done.interrupted and not done.frames:
            raise KeyboardInterrupt
    return done, notes


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """What libav says of a file that can't be written; what it can't read is said where it is read."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise DataError(
            f"{path}: can't be written ({said_of(error)}); use another --codec or container"
        ) from error


def _through(
    clip: Clip,
    conversion: Rgb,
    network: Callable[[Codes], Codes],
    target: Target,
    advance: Callable[[int], None],
) -> tuple[Done, list[str]]:
    done = pump(clip, conversion, network, target, advance)
    target.close()
    notes = list(target.notes)
    curve = CURVES.get(clip.tags["color_trc"])
    if curve is not None:
        notes.append(f"{curve} goes through as code values, and the network has learnt from sRGB")
    return done, notes
