"""Clips in: what a file or a pipe says of itself, and its frames as planes, in order."""

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from hwrts.data import MAX_MEGAPIXELS
from hwrts.errors import DataError
from hwrts.video.claims import MEGA, check_size, claimed_seconds, cut_off
from hwrts.video.frames import Frame, beyond, logged, planes_of, said_of, seconds_of
from hwrts.video.layout import FULL, LIMITED, UNSPECIFIED, Layout, code_point, layout_of
from hwrts.video.raw import Raw

_PROGRESSIVE = (0, 1)  # AV_FIELD_UNKNOWN, AV_FIELD_PROGRESSIVE
_DEINTERLACE = "deinterlace it first, such as by ffmpeg -i IN -vf bwdif OUT"
_RATE = Fraction(25)
"""Frames a second where nobody says, such as of single pictures: that of libav."""


class Clip:
    """A clip whose first frame is decoded; :meth:`items` are its frames and the packets of other streams.

    Attributes:
        path: Its name, for messages.
        layout: Of its planes.
        rate: Frames a second.
        time_base: Seconds of a unit of :attr:`Frame.time`.
        count: How many frames it has, as far as it says so; None of a pipe.
        aspect: Width of a pixel through its height; None where nobody says.
        tags: Range, and H.273's numbers of its colours.
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
        max_megapixels: int = MAX_MEGAPIXELS,
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
        check_size(self.path, of.width, of.height, max_megapixels)
        # Of pictures that are larger than the file says; twice, for decoders round sizes up.
        of.options = {"max_pixels": str(2 * max_megapixels * MEGA)}
        if of.field_order not in _PROGRESSIVE:
            raise DataError(f"{self.path}: is interlaced, and the network sees whole frames; {_DEINTERLACE}")
        # FFV1 says by its log alone that a checksum is wrong, and in its own thread at once.
        self._checked = of.name == "ffv1"
        self._spoilt = False  # until the next frame that needs no other
        self.stream.thread_type = "SLICE" if self._checked else "AUTO"
        # The average counts how long the last frame is shown, which may be anything.
        self.rate = self.stream.guessed_rate or self.stream.average_rate or _RATE
        self.time_base = self.stream.time_base or 1 / self.rate
        self._end, self._read = Fraction(0), 0
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
        check_size(self.path, first.width, first.height, max_megapixels)
        self._describe(first, matrix)

    def _describe(self, frame: VideoFrame, matrix: str | None) -> None:
        of = self.stream.codec_context
        self._unsaid = (of.color_range, of.colorspace)
        self._colours = full, space = self._colours_of(frame)
        self.layout: Layout = layout_of(
            self.path, frame.format.name, frame.height, frame.width, full=full, space=space, matrix=matrix
        )
        self._named = matrix is not None
        self.tags = {"color_range": FULL if self.layout.full else LIMITED, "colorspace": space}
        self.tags |= {name: getattr(frame, name) for name in ("color_primaries", "color_trc")}
        self.aspect: Fraction | None = self.stream.sample_aspect_ratio or of.sample_aspect_ratio
        self.rotation: tuple[int, ...] | None = None
        for each in frame.side_data or ():
            if each.type == SideDataType.DISPLAYMATRIX:
                self.rotation = struct.unpack("<9i", bytes(each)[:36])
        self.count: int | None = (
            self.stream.frames or round(claimed_seconds(self.container, self.stream) * self.rate) or None
        )

    def _colours_of(self, frame: VideoFrame) -> tuple[bool, int]:
        """Whether a frame is of full range, and the number of its matrix, by its own word first."""
        range_, space = self._unsaid
        if frame.format.name.startswith("yuvj"):  # which a decoder goes on to say of limited ones behind
            range_ = FULL
        full = (frame.color_range or range_) == FULL
        return full, frame.colorspace if frame.colorspace != UNSPECIFIED else space

    def tags_of(self, layout: Layout) -> dict[str, int]:
        """:attr:`tags` of frames of that size: of another one who reads them may guess another matrix.

        So a matrix that the clip does not name is named then, and where it was said by --matrix.
        """
        guessed = self.tags["colorspace"] == UNSPECIFIED and self.layout.across
        if guessed and (layout != self.layout or self._named):
            return self.tags | {"colorspace": code_point(self.layout.matrix)}
        return self.tags

    def items(self) -> Iterator["Frame | av.Packet"]:
        """Frames and packets of other streams, in the order of the file.

        Raises:
            DataError: The picture changes its size or format, or is interlaced; the first frame has codes
                that its format does not have; a frame can't be decoded, if that is strict.
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
            if packet.pos is not None:
                self._read = max(self._read, packet.pos + packet.size)
            if packet.stream is not self.stream:
                if packet.dts is not None:
                    yield packet
                continue
            yield from self._frames(packet)

    def _frames(self, packet: "av.Packet") -> Iterator[tuple[VideoFrame, str | None]]:
        log: AbstractContextManager[list[tuple[int, str, str]]]
        log = logged() if self._checked else nullcontext([])
        try:
            with log as logs:
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
        full, space = self._colours_of(frame)
        if broken is None and (full, space) != self._colours:
            raise DataError(
                f"{self.path}: at {frame.time or 0:.3f} s the colours become those of matrix {space} of "
                f"H.273, {'full' if full else 'limited'} range; cut the clip there"
            )
        time = frame.pts if frame.pts is not None else self._next
        if self._begun and time <= self._last:
            self._report(
                f"{self.path}: the frame at {frame.time or 0:.3f} s is shown no later than the one before"
            )
            time = self._last + 1
        planes = planes_of(frame, layout)
        if (code := beyond(planes, layout)) is not None:
            broken = broken or self._beyond(f"{frame.time or 0:.3f} s", code)
            planes = tuple(np.minimum(plane, layout.most) for plane in planes)  # which encoders rely on
        self._begun, self._last = True, time
        self._next = time + max(1, round(1 / (self.rate * self.time_base)))
        return Frame(planes, time, broken)

    def _beyond(self, when: str, code: int) -> str:
        """Why a frame is broken that holds a code of more bits than its format has."""
        most = self.layout.most
        if not self._begun:  # all of them are so then
            raise DataError(
                f"{self.path}: its first frame holds code {code}, and {self.layout.name} has 0..{most}: its "
                "bytes are in another order, or its codes in the upper bits; say what it is where it is "
                f"read, such as by ffmpeg -f rawvideo -pix_fmt {self.layout.name[:-2]}be, and convert it to "
                f"{self.layout.name}"
            )
        why = f"it holds code {code}, and {self.layout.name} has 0..{most}"
        self._report(f"{self.path}: the frame at {when} is not enhanced: {why}")
        return why

    def _check_end(self) -> None:
        """A file that is cut off ends without an error."""
        if (how := cut_off(self.container, self._end, self._read)) is not None:
            self._report(f"{self.path}: is cut off: {how}")
