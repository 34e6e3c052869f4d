"""What a file claims of its pictures, and is not taken at its word: sizes, lengths, and where it ends."""

import re
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from hwrts.errors import DataError

MEGA = 1_000_000
_TRUNCATED = Fraction(1, 2)
"""Seconds that a file may end before the end that it names: streams of a whole file differ by less."""
_SAY_LENGTH = ("matroska", "mov", "avi", "flv")
_FRAMES_ALONE = "yuv4mpegpipe"
_LENGTH = re.compile(r"([0-9]{1,6}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")


def check_size(path: str, width: int, height: int, max_megapixels: int) -> None:
    """Refuse pictures above a limit.

    Raises:
        DataError: They are.
    """
    if width * height > max_megapixels * MEGA:
        raise DataError(
            f"{path}: {width}x{height} is {width * height / MEGA:.1f} megapixels, "
            f"above the limit of {max_megapixels}; --max-megapixels sets another"
        )


def claimed_seconds(container: InputContainer, stream: VideoStream) -> Fraction:
    """How long its pictures last, as far as it says so; Matroska says it in words."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * stream.time_base)
    said = length_of(stream.metadata.get("DURATION", ""))
    return Fraction(container.duration or 0, av.time_base) if said is None else said


def length_of(text: str) -> Fraction | None:
    """Seconds, as Matroska writes them of a stream; None of anything else.

    >>> length_of("01:00:02.500000000"), length_of("0:0:1/0"), length_of("00:00:1e9")
    (Fraction(7205, 2), None, None)
    """
    if (parts := _LENGTH.fullmatch(text)) is None:
        return None
    hours, minutes, seconds = parts.groups()
    return (int(hours) * 60 + int(minutes)) * 60 + Fraction(seconds)


def cut_off(container: InputContainer, end: Fraction, read: int) -> str | None:
    """Where a file ends too early, and by which word of its own; None of a whole one.

    A file that is cut off ends without an error. Some kinds say how long they are, and do not guess it. Y4M
    does not say it, but is frames alone: what is left behind the last is part of one.

    Args:
        container: Read to its end.
        end: Of the last packet, in seconds.
        read: Bytes of the file up to the end of the last packet.
    """
    name = container.format.name
    if name.startswith(_FRAMES_ALONE):
        left = container.size - read  # below 0 of a pipe, whose size nobody knows
        said = f"behind its frame that ends at {float(end):.2f} s are {left} bytes, which are no frame"
        return said if left > 0 else None
    if not name.startswith(_SAY_LENGTH):
        return None
    named = Fraction(container.duration or 0, av.time_base)
    # that of Matroska counts from 0, that of the others from the first picture
    begin = 0 if name.startswith("matroska") else Fraction(container.start_time or 0, av.time_base)
    if named - end + begin <= _TRUNCATED:
        return None
    return f"it ends at {float(end):.2f} s and says {float(named):.2f} s"
