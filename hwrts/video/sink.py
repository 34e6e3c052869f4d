"""Clips out in a container: encoded frames, other streams as they were, and what a clip says of itself."""

from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.frame import VideoFrame

from hwrts.errors import DataError
from hwrts.video.encoding import CONTAINERS, Encoding
from hwrts.video.frames import said_of
from hwrts.video.layout import Layout, Planes
from hwrts.video.source import Clip


class ContainerSink:
    """Writes frames and packets into a file; :attr:`notes` say what could not be kept."""

    def __init__(self, file: BinaryIO, path: Path, clip: Clip, layout: Layout, encoding: Encoding) -> None:
        """Begin a file.

        Args:
            file: Open for writing, and seekable.
            path: Its name, for its suffix and for messages.
            clip: Where frames and packets come from.
            layout: Of the frames.
            encoding: Of the frames.

        Raises:
            DataError: The container has not that codec, or the codec not that size.
        """
        self._path, self._layout = path, layout
        self.notes: list[str] = []
        self._out = av.open(file, "w", format=CONTAINERS[path.suffix.lower()])
        self._out.metadata.update(clip.container.metadata)
        self._out.set_chapters(clip.container.chapters())
        self._video: Any = self._out.add_stream(encoding.name, rate=clip.rate, options=encoding.options())
        height, width = layout.height, layout.width
        self._video.height, self._video.width, self._video.pix_fmt = height, width, layout.name
        of = self._video.codec_context
        of.time_base = clip.time_base
        if clip.aspect is not None:
            of.sample_aspect_ratio = clip.aspect
            if encoding.name == "ffv1" and clip.aspect != 1:  # others write it themselves
                self.notes.append(f"the shape of a pixel, {clip.aspect}, is left out: FFV1 does not say it")
        tags = clip.tags_of(layout)
        for name, value in tags.items():
            setattr(of, name, value)
        self._video.metadata.update(clip.stream.metadata)
        if clip.rotation is not None:
            self._video.set_display_matrix(clip.rotation)
        self._time_base, self._tags = clip.time_base, tags
        self._copies: dict[int, Any] = {}
        self._lost: Counter[int] = Counter()
        for stream in clip.container.streams:
            if stream is not clip.stream:
                self._copy(stream)
        try:
            of.open()
            self._out.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            raise DataError(
                f"{path}: {encoding.name} can't begin such a clip, {width}x{height} {layout.name} "
                f"({said_of(error)}); use another --codec or container"
            ) from error

    def _copy(self, stream: Any) -> None:
        name = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
        if stream.type not in ("audio", "subtitle") or name not in self._out.supported_codecs:
            what = f"{name} " if name else ""
            self.notes.append(
                f"stream {stream.index}, {what}{stream.type}, is left out: {self._path.suffix} files of this "
                "command do not hold it"
            )
            return
        copy = self._out.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        self._copies[stream.index] = copy

    def frame(self, planes: Planes, time: int) -> None:
        """A frame, shown at a time in the clip's time base."""
        height, width = planes[0].shape
        frame = VideoFrame(width, height, self._layout.name)
        for plane, codes in zip(frame.planes, planes, strict=True):
            rows = np.frombuffer(plane, codes.dtype).reshape(-1, plane.line_size // codes.itemsize)
            rows[: codes.shape[0], : codes.shape[1]] = codes
        frame.pts, frame.time_base = time, self._time_base
        for name, value in self._tags.items():
            setattr(frame, name, value)
        self._out.mux(self._video.encode(frame))

    def packet(self, packet: "av.Packet") -> None:
        """A packet of another stream, as it is."""
        index = packet.stream.index
        if index not in self._copies:
            return
        packet.stream = self._copies[index]
        try:
            self._out.mux(packet)
        except av.error.ArgumentError:  # such as a time before that of the last one
            self._lost[index] += 1

    def close(self) -> None:
        """Encode what waits, and end the file."""
        self._out.mux(self._video.encode(None))
        self._out.close()
        self.notes += [
            f"stream {index}: damaged packets that are left out: {count}"
            for index, count in self._lost.items()
        ]
