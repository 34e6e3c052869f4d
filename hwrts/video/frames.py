"""Single frames of libav: their planes as arrays, and what it complains of while it decodes them."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.logging
import numpy as np
from av.video.frame import VideoFrame

from hwrts.video.layout import Layout, Planes


@dataclass(frozen=True)
class Frame:
    """A decoded frame.

    Attributes:
        planes: Its codes.
        time: In units of the clip's time base.
        broken: Why no network should see it; None of a good one.
    """

    planes: Planes
    time: int
    broken: str | None = None


def planes_of(frame: VideoFrame, layout: Layout) -> Planes:
    """A copy of the planes of a frame."""
    made = []
    for plane, (height, width) in zip(frame.planes, layout.shapes(), strict=True):
        codes = np.frombuffer(plane, layout.dtype)
        made.append(codes.reshape(-1, plane.line_size // codes.itemsize)[:height, :width].copy())
    return tuple(made)


def beyond(planes: Planes, layout: Layout) -> int | None:
    """The largest code, if the format has none so large: its 10 bits stand in words of 16; else None."""
    if layout.bits == 8:
        return None
    largest = max(int(plane.max()) for plane in planes)
    return largest if largest > layout.most else None


def said_of(error: Exception) -> str:
    """What libav says, without its numbers and the names of calls."""
    text = getattr(error, "strerror", None) or str(error)
    log = getattr(error, "log", None)
    return f"{text}: {log[2].strip()}" if log else str(text)


@contextlib.contextmanager
def logged() -> Iterator[list[tuple[int, str, str]]]:
    """What FFV1 complains of within the block."""
    before = av.logging.get_level()
    kept: list[tuple[int, str, str]] = []
    with av.logging.Capture(local=False) as logs:
        av.logging.set_level(av.logging.ERROR)
        try:
            yield kept
        finally:
            av.logging.set_level(before)
            kept += [each for each in logs if each[1] == "ffv1"]


def seconds_of(packet: "av.Packet") -> str:
    """When a packet's frame is shown, as one says it."""
    if packet.pts is None or packet.time_base is None:
        return "an unknown time"
    return f"{float(packet.pts * packet.time_base):.3f} s"
