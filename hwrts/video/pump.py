"""Frames through a network, overlapped: decoding ahead in one thread, encoding behind in another.

What is on its way here is a few frames, whatever the length of the clip; codecs hold some of their own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from hwrts.video.colours import Conversion
from hwrts.video.frames import Frame
from hwrts.video.layout import Pixels, Planes
from hwrts.video.threads import Ahead, Behind

DEPTH = 4
"""Items that wait for the network, and for the encoder: enough that none waits for a longer frame."""


class Target(Protocol):
    """Where frames and packets go.

    Attributes:
        notes: What it could not keep, in a line each.
    """

    notes: list[str]

    def frame(self, planes: Planes, time: int) -> None:
        """A frame, shown at a time in the clip's time base."""

    def packet(self, packet: Any) -> None:
        """A packet of another stream."""

    def close(self) -> None:
        """Write what waits, and end the file."""


class Readable(Protocol):
    """Where they come from: a :class:`.source.Clip`."""

    def items(self) -> Iterator[Any]:
        """Frames and packets, in the order of the file."""

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True)
class Done:
    """What went through.

    Attributes:
        frames: How many.
        passed: How many of them no network saw.
        interrupted: Whether the user ended it before the clip did.
    """

    frames: int
    passed: int
    interrupted: bool


def pump(
    clip: Readable,
    conversion: Conversion,
    network: Callable[[Pixels], Pixels],
    target: Target,
    advance: Callable[[int], None] = lambda done: None,
    end: Callable[[], None] | None = None,
    shown: Callable[[Frame, Planes], Planes] = lambda frame, planes: planes,
) -> Done:
    """Every frame of a clip through a network, in order, and every packet beside; the target is ended.

    Ctrl-C ends it behind the last frame that is made, wherever it meets the work, and what is written until
    then is ended too; a second one waits for nothing. The clip is closed at the end, but where its reader
    hangs.

    Args:
        clip: What is read.
        conversion: Planes to what the network sees, and back.
        network: Codes to codes.
        target: What is written to, by one thread.
        advance: Told how many frames are made.
        end: What that thread does at the end; None closes the target.
        shown: What is written of a frame and of the planes that were made of it.

    Raises:
        KeyboardInterrupt: The second one.
    """
    written: list[bool] = []  # of each frame, whether a network saw it

    def seen() -> Iterator[tuple[Any, Pixels | None]]:
        for item in clip.items():
            good = isinstance(item, Frame) and item.broken is None
            yield item, conversion.seen(item.planes) if good else None

    def write(item: Any, codes: Pixels | None, result: Pixels | None) -> None:
        if not isinstance(item, Frame):
            target.packet(item)
            return
        if codes is None or result is None:
            planes = conversion.kept(item.planes)
        else:
            planes = conversion.made(item.planes, codes, result)
        target.frame(shown(item, planes), item.time)
        written.append(result is not None)

    made, interrupted = 0, False
    items, writer = Ahead(seen(), DEPTH), Behind(DEPTH, end or target.close)
    try:
        try:
            for item, codes in items:
                result = None if codes is None else network(codes)
                writer.call(partial(write, item, codes, result))
                if isinstance(item, Frame):
                    made += 1
                    advance(made)
            writer.finish()
        except KeyboardInterrupt:
            interrupted = True
            writer.finish()
    finally:
        ended = [items.leave(), writer.leave()]
        if all(ended):  # packets that wait still ask the clip for their stream
            clip.close()
    return Done(len(written), written.count(False), interrupted)
