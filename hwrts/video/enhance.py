"""A whole clip through a network, into a file that is complete or not there, or into a pipe."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from hwrts.data.looking import PLAIN, Look
from hwrts.data.luma import Luma
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file
from hwrts.video.colours import Rgb
from hwrts.video.encoding import Y4M, Encoding, check_encoding
from hwrts.video.frames import said_of
from hwrts.video.layout import CURVES, Pixels
from hwrts.video.luma import OfLuma
from hwrts.video.pump import Done, Target, pump
from hwrts.video.shown import Shown
from hwrts.video.sink import ContainerSink
from hwrts.video.source import Clip
from hwrts.video.y4m import Stream, Y4mSink


def enhance_clip(
    clip: Clip,
    output: Path | Stream,
    network: Callable[[Pixels], Pixels],
    scale: int,
    encoding: Encoding,
    advance: Callable[[int], None] = lambda done: None,
    look: Look = PLAIN,
    luma: Luma | None = None,
    bits: int = 8,
) -> tuple[Done, list[str]]:
    """Every frame of a clip through a network, and into another clip.

    Args:
        clip: What is read; it is closed at the end, but where its reader hangs.
        output: A file, by whose suffix its container goes; it appears when it is complete, or when Ctrl-C
            ended it and it holds a frame. Or an open pipe, which gets Y4M.
        network: Codes (H, W, 3) to (SH, SW, 3), of a network of luma (H, W, 1) to (SH, SW, 1).
        scale: S.
        encoding: Of the frames; Y4M takes none.
        advance: Told how many frames are made.
        look: How they are shown.
        luma: What a network of luma has learnt from; None of one that sees red, green and blue.
        bits: Of the network's pixels.

    Returns:
        What went through, and what could not be kept, in a line each.

    Raises:
        DataError: It can't be read or written.
        KeyboardInterrupt: Nothing was made when Ctrl-C came, or it came again.
    """
    with contextlib.ExitStack() as opened:
        with _closed_if_refused(clip):
            of_luma = None if luma is None else OfLuma(clip.layout, scale, luma, bits)
            conversion = of_luma or Rgb(clip.layout, scale, bits)
            shown = Shown(clip, conversion, scale, look)
            layout = shown.layout
            check_encoding(output if isinstance(output, Path) else None, layout, encoding)
            target: Target
            if not isinstance(output, Path):
                target = Y4mSink(output, "standard output", clip, layout)
            else:
                file = opened.enter_context(atomic_file(output))
                opened.enter_context(_said(output))
                if output.suffix.lower() == Y4M:
                    target = Y4mSink(file, str(output), clip, layout)
                else:
                    target = ContainerSink(file, output, clip, layout, encoding)

        def end() -> None:
            target.close()
            if isinstance(output, Path):  # here, where one Ctrl-C loses nothing: what is left is to rename it
                file.flush()
                os.fsync(file.fileno())

        done = pump(clip, conversion, network, target, advance, end, shown.of)
        if done.interrupted and not done.frames and isinstance(output, Path):
            raise KeyboardInterrupt
    notes = shown.notes + target.notes
    if of_luma is not None and (text := of_luma.differs()) is not None:
        notes.append(text)
    curve = CURVES.get(clip.tags["color_trc"])
    if curve is not None:
        notes.append(f"{curve} goes through as code values, and the network has learnt from sRGB")
    return done, notes


@contextlib.contextmanager
def _closed_if_refused(clip: Clip) -> Iterator[None]:
    """Behind the block others close it, when nobody reads it any more."""
    try:
        yield
    except BaseException:
        clip.close()
        raise


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
