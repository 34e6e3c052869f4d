"""Clips out as YUV4MPEG2: a line of text, and then the planes as they are, for pipes and other programs."""

from fractions import Fraction
from typing import Any, Protocol

from hwrts.errors import DataError
from hwrts.video.layout import UNSPECIFIED, Layout, Planes, guessed_matrix
from hwrts.video.source import Clip

_KINDS = {(2, 2): "420", (2, 1): "422", (1, 1): "444", (0, 0): "mono"}
_UNEVEN = Fraction(1, 4)
"""Of a frame's time: further off than any clock of a container rounds."""
_UNSAID = (0, UNSPECIFIED)
_LONGEST = 10
"""Seconds that one frame is shown for those that are missing; a damaged clip may name any time."""


class Stream(Protocol):
    """What is written to: a file, or a pipe."""

    def write(self, data: bytes, /) -> int:
        """All of the bytes."""

    def flush(self) -> None:
        """Write what waits."""


def header(layout: Layout, rate: Fraction, aspect: Fraction | None) -> str:
    """The first line.

    >>> from hwrts.video.layout import Layout
    >>> clip = Layout("yuv420p10le", 94, 106, 10, 2, 2, False, "bt709")
    >>> header(clip, Fraction(24000, 1001), Fraction(1))
    'YUV4MPEG2 W106 H94 F24000:1001 Ip A1:1 C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED'
    """
    kind = _KINDS[layout.across, layout.down]
    if layout.bits > 8:
        deep = "mono10" if kind == "mono" else f"{kind}p{layout.bits}"
        colour = deep if kind == "mono" else f"{deep} XYSCSS={deep.upper()}"
    else:
        colour = f"{kind}mpeg2" if kind == "420" else kind  # chroma lies on even columns
    shape = "0:0" if aspect is None else f"{aspect.numerator}:{aspect.denominator}"
    words = (
        f"YUV4MPEG2 W{layout.width} H{layout.height} F{rate.numerator}:{rate.denominator} Ip",
        f"A{shape} C{colour}",
        f"XCOLORRANGE={'FULL' if layout.full else 'LIMITED'}",
    )
    return " ".join(words)


def _without_a_word(clip: Clip) -> list[str]:
    """What the clip says of itself, beside its matrix, that the first line can't hold."""
    says = {
        "primaries": clip.tags["color_primaries"] not in _UNSAID,
        "curve": clip.tags["color_trc"] not in _UNSAID,
        "rotation": clip.rotation is not None,
        "title": "title" in clip.container.metadata,
        "chapters": bool(clip.container.chapters()),
    }
    return [name for name, said in says.items() if said]


class Y4mSink:
    """Writes frames at a constant rate; where one is missing the one before it is shown for longer."""

    def __init__(self, file: Stream, path: str, clip: Clip, layout: Layout) -> None:
        """Begin.

        Args:
            file: Open for writing.
            path: Its name, for messages.
            clip: Where frames come from.
            layout: Of them.
        """
        self._file, self._path, self._clip = file, path, clip
        self._begun: int | None = None
        self._written = 0
        self._last = b""
        self.notes: list[str] = []
        if others := len(clip.container.streams) - 1:
            self.notes.append(
                f"left out, for Y4M holds pictures alone: sound, subtitles and the like, streams: {others}"
            )
        if layout.across and layout.matrix != guessed_matrix(layout.height):
            self.notes.append(
                f"Y4M does not name the matrix: say that it is {layout.matrix} where it is read"
            )
        if words := _without_a_word(clip):
            self.notes.append(f"left out, for Y4M has no word for it: {', '.join(words)}")
        file.write(f"{header(layout, clip.rate, clip.aspect)}\n".encode())

    def frame(self, planes: Planes, time: int) -> None:
        """A frame, shown at a time in the clip's time base.

        Raises:
            DataError: The frames before were shown for unequal times.
        """
        if self._begun is None:
            self._begun = time
        place = (time - self._begun) * self._clip.time_base * self._clip.rate
        missing = round(place) - self._written
        if abs(place - round(place)) > _UNEVEN or not 0 <= missing <= _LONGEST * self._clip.rate:
            raise DataError(
                f"{self._path}: the frame rate varies (at {float(time * self._clip.time_base):.3f} s), and "
                "Y4M has one; write .mkv or .mp4, which keep every frame's time"
            )
        for _ in range(missing):
            self._file.write(self._last)
        self._last = b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)
        self._file.write(self._last)
        self._written += missing + 1

    def packet(self, packet: Any) -> None:
        """Nothing: there are no other streams."""

    def close(self) -> None:
        """Write what waits."""
        self._file.flush()
