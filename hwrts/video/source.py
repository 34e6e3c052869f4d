"""Clips in: what a file or a pipe says of itself, and its frames as planes, in order."""

import contextlib
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from hwrts.errors import DataError
from hwrts.video.frames import Frame, logged, planes_of, said_of, seconds_of
from hwrts.video.layout import Layout, layout_of
from hwrts.video.raw import Raw

_FULL = 2  # AVCOL_RANGE_JPEG
_PROGRESSIVE = (0, 1)  # AV_FIELD_UNKNOWN, AV_FIELD_PROGRESSIVE
_TRUNCATED = Fraction(1, 2)
"""Seconds that a file may end before the end that it names: streams of a whole file differ by less."""
_SAY_LENGTH = ("matroska", "mov", "avi")
_DEINTERLACE = "deinterlace it first, such as by ffmpeg -i IN -vf bwdif OUT"
_MEGA = 1_000_000


class Clip:
    """A clip whose first frame is decoded; :meth:`items` are its frames and the packets of other streams.

    Attributes:
        path: Its name, for messages.
        layout: Of its planes.
        rate: Frames a second.
        time_base: Seconds of a unit of :attr:`Frame.time`.
        count: How many frames it has, as far as it says so; None of a pipe.
        aspect: Width of a pixel through its height; None where nobody says.
        rotation: The 9 numbers of its display matrix; None if it is shown as it is.
        found: What could not be read, in a line each, when the items are through.
    """

    def __init__(
        self,
        path: str,
        file: str | BinaryIO,
        *,
        raw: Raw | None = None,
        matrix: str | None = None,
        strict: bool = False,
        max_megapixels: int = 256,
    ) -> None:
        """Open a clip.

        Args:
            path: Its name, for messages.
            file: The file's name, or an open pipe.
            raw: Layout of planes without a header.
            matrix: Of a clip that names none.
            strict: Raise at the first frame that can't be decoded.
            max_megapixels: Refuse larger pictures.

        Raises:
            DataError: It is no clip, is interlaced, or has planes of another kind.
        """
        self.path, self._strict, self.found = path, strict, list[str]()
        form, options = ("rawvideo", raw.options()) if raw else (None, None)
        try:
            opened = av.open(file, "r", format=form, options=options)
        except (av.error.FFmpegError, ValueError) as error:
            raise DataError(
                f"{path}: is no clip that can be read ({said_of(error)}); give another file"
            ) from error
        self.container: InputContainer = opened
        try:
            self._open(matrix, max_megapixels)
        except BaseException:
            self.close()
            raise

    def _open(self, matrix: str | None, max_megapixels: int) -> None:
        if not self.container.streams.video:
            raise DataError(f"{self.path}: has no video stream; give a clip")
        self.stream: VideoStream = self.container.streams.best("video")
        of = self.stream.codec_context
        if of is None:
            raise DataError(f"{self.path}: its codec is none that PyAV decodes; convert it")
        if of.width * of.height > max_megapixels * _MEGA:
            raise DataError(
                f"{self.path}: {of.width}x{of.height} is {of.width * of.height / _MEGA:.1f} megapixels, "
                f"above the limit of {max_megapixels}; --max-megapixels sets another"
            )
        if of.field_order not in _PROGRESSIVE:
            raise DataError(f"{self.path}: is interlaced, and the network sees whole frames; {_DEINTERLACE}")
        # FFV1 says by its log alone that a checksum is wrong, and in its own thread at once.
        self._checked = of.name == "ffv1"
        self._spoilt = False  # until the next frame that needs no other
        self.stream.thread_type = "SLICE" if self._checked else "AUTO"
        self.rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        self.time_base = self.stream.time_base or 1 / self.rate
        self._end = Fraction(0)
        self._begun, self._last, self._next = False, 0, 0
        self._packets = self.container.demux()
        self._all = self._decoded()
        self._waiting: list[Any] = []
        first = None
        while first is None:
            item = next(self._all, None)
            if item is None:
                raise DataError(f"{self.path}: holds no frame that can be decoded; give another file")
            self._waiting.append(item)
            first = item[0] if isinstance(item, tuple) else None
        self._describe(first, matrix)

    def _describe(self, frame: VideoFrame, matrix: str | None) -> None:
        of = self.stream.codec_context
        space = frame.colorspace if frame.colorspace != 2 else of.colorspace
        full = _FULL in (frame.color_range, of.color_range)
        self.layout: Layout = layout_of(
            self.path, frame.format.name, frame.height, frame.width, full=full, space=space, matrix=matrix
        )
        self.tags = {"color_range": _FULL if self.layout.full else 1, "colorspace": space}
        for name in ("color_primaries", "color_trc"):
            self.tags[name] = getattr(frame, name)
        self.aspect: Fraction | None = self.stream.sample_aspect_ratio or of.sample_aspect_ratio
        self.rotation: tuple[int, ...] | None = None
        for each in frame.side_data or ():
            if each.type == SideDataType.DISPLAYMATRIX:
                self.rotation = struct.unpack("<9i", bytes(each)[:36])
        self.count: int | None = self.stream.frames or round(self._seconds() * self.rate) or None

    def _seconds(self) -> Fraction:
        """How long its pictures last, as far as it says so; Matroska says it in words."""
        if self.stream.duration:
            return Fraction(self.stream.duration * self.time_base)
        with contextlib.suppress(KeyError, ValueError):
            hours, minutes, seconds = self.stream.metadata["DURATION"].split(":")
            return (int(hours) * 60 + int(minutes)) * 60 + Fraction(seconds)
        return Fraction(self.container.duration or 0, av.time_base)

    def items(self) -> Iterator["Frame | av.Packet"]:
        """Frames and packets of other streams, in the order of the file.

        Raises:
            DataError: The picture changes its size or format, or is interlaced; a frame can't be decoded, if
                that is strict.
        """
        while self._waiting:
            yield self._item(self._waiting.pop(0))
        for item in self._all:
            yield self._item(item)
        self._check_end()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def _decoded(self) -> Iterator[Any]:
        """Frames of libav with why they are broken, and packets of other streams."""
        while True:
            try:
                packet = next(self._packets, None)
            except av.error.FFmpegError as error:
                self._report(f"{self.path}: can't be read behind {float(self._end):.2f} s ({said_of(error)})")
                packet = None
            if packet is None:
                return
            base = packet.time_base
            if base and packet.pts is not None:
                self._end = max(self._end, (packet.pts + (packet.duration or 0)) * base)
            if packet.stream is not self.stream:
                if packet.dts is not None:
                    yield packet
                continue
            yield from self._frames(packet)

    def _frames(self, packet: "av.Packet") -> Iterator[tuple[VideoFrame, str | None]]:
        logs: list[tuple[int, str, str]] = []
        try:
            if self._checked:
                with logged() as logs:
                    frames = self.stream.decode(packet)
            else:
                frames = self.stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            self._report(
                f"{self.path}: the frame at {seconds_of(packet)} can't be decoded ({said_of(error)})"
            )
            return
        for frame in frames:
            self._spoilt = bool(logs) or (self._spoilt and not frame.key_frame)
            why = "its data are damaged" if frame.is_corrupt or self._spoilt else None
            if why is not None:
                self._report(f"{self.path}: the frame at {frame.time or 0:.3f} s is not enhanced: {why}")
            yield frame, why

    def _report(self, text: str) -> None:
        if self._strict:
            raise DataError(f"{text}; leave --strict out to go on behind it")
        self.found.append(text)

    def _item(self, item: Any) -> "Frame | av.Packet":
        if not isinstance(item, tuple):
            packet: av.Packet = item
            return packet
        frame, broken = item
        layout = self.layout
        if (frame.height, frame.width) != (layout.height, layout.width) or (
            frame.format.name.replace("yuvj", "yuv") != layout.name
        ):
            raise DataError(
                f"{self.path}: at {frame.time or 0:.3f} s the picture becomes {frame.width}x{frame.height} "
                f"{frame.format.name}; cut the clip there"
            )
        if frame.interlaced_frame:
            raise DataError(f"{self.path}: is interlaced at {frame.time or 0:.3f} s; {_DEINTERLACE}")
        time = frame.pts if frame.pts is not None else self._next
        if self._begun and time <= self._last:
            self._report(
                f"{self.path}: the frame at {frame.time or 0:.3f} s is shown no later than the one before"
            )
            time = self._last + 1
        self._begun, self._last = True, time
        self._next = time + max(1, round(1 / (self.rate * self.time_base)))
        return Frame(planes_of(frame, layout), time, broken)

    def _check_end(self) -> None:
        """A file that is cut off ends without an error; but it says how long it is, and does not guess it."""
        if not self.container.format.name.startswith(_SAY_LENGTH):
            return
        named = Fraction(self.container.duration or 0, av.time_base)
        if named - self._end + Fraction(self.container.start_time or 0, av.time_base) > _TRUNCATED:
            self._report(
                f"{self.path}: is cut off: it ends at {float(self._end):.2f} s and says {float(named):.2f} s"
            )
