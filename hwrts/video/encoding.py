"""How frames are encoded, and what of it a container and a codec take."""

from dataclasses import dataclass
from pathlib import Path

from hwrts.errors import DataError
from hwrts.video.layout import Layout

Y4M = ".y4m"
CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov", ".m4v": "mp4"}
"""Suffix -> libav's name; .y4m is written without it. AVI would keep no frame's time."""
CODECS = ("libx264", "libx265", "ffv1")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
CRF = 16
"""Nobody sees at arm's length what it loses; 1080p25 takes some 30 Mbit/s."""
_MOST_CRF = 51


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded; None is what nobody asked for.

    Attributes:
        codec: One of :data:`CODECS`; libx264.
        crf: Quality of x264 and x265, 0 (best) to 51; :data:`CRF`.
        preset: How long those two search, ultrafast to veryslow; medium.
        lossless: Every code is kept; FFV1 and Y4M always do.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    lossless: bool = False

    @property
    def name(self) -> str:
        """Of the codec, as libav has it."""
        return self.codec or "libx264"

    def options(self) -> dict[str, str]:
        """For libav."""
        if self.name == "ffv1":
            return {"level": "3", "slicecrc": "1", "g": "1"}  # every frame alone, and with a checksum
        preset, crf = self.preset or "medium", str(CRF if self.crf is None else self.crf)
        if self.name == "libx265":
            words = "log-level=none" + (":lossless=1" if self.lossless else "")
            return {"preset": preset, "crf": crf, "x265-params": words}
        return {"preset": preset, **({"qp": "0"} if self.lossless else {"crf": crf})}


def check_encoding(path: Path | None, layout: Layout, encoding: Encoding) -> None:
    """Refuse what the encoder or the container does not take, before anything is written.

    Args:
        path: The file; None of a pipe, which gets Y4M.
        layout: Of its frames.
        encoding: What was asked for.

    Raises:
        DataError: With what to do instead.
    """
    suffix = Y4M if path is None else path.suffix.lower()
    if suffix != Y4M and suffix not in CONTAINERS:
        raise DataError(f"{path}: is no name of a clip; use {', '.join(CONTAINERS)} or .y4m")
    if encoding.codec not in (None, *CODECS):
        raise DataError(f"--codec {encoding.codec}: is unknown; use {', '.join(CODECS)}")
    if encoding.preset not in (None, *PRESETS):
        raise DataError(f"--preset {encoding.preset}: is unknown; use {', '.join(PRESETS)}")
    if encoding.crf is not None and not 0 <= encoding.crf <= _MOST_CRF:
        raise DataError(
            f"--crf {encoding.crf}: is none of 0 to {_MOST_CRF}; 0 is best, {CRF} is what it is unasked"
        )
    _check_use(suffix, encoding)
    height, width = layout.height, layout.width
    step_x, step_y = layout.across or 1, layout.down or 1
    if suffix != Y4M and encoding.name != "ffv1" and (width % step_x or height % step_y):
        raise DataError(
            f"{path}: {encoding.name} has no odd sizes such as {width}x{height} with chroma of half "
            "the size; use --codec ffv1 and .mkv, or .y4m"
        )


def _check_use(suffix: str, encoding: Encoding) -> None:
    """Whether what was asked for changes anything."""
    idle: tuple[str, ...]
    asked = {"codec": encoding.codec, "crf": encoding.crf, "preset": encoding.preset}
    if suffix == Y4M:
        where, idle = "Y4M, which holds the planes as they are", ("codec", "crf", "preset")
    elif encoding.name == "ffv1":
        where, idle = "ffv1, which keeps every code", ("crf", "preset")
    elif encoding.lossless:
        where, idle = "--lossless, which keeps every code", ("crf",)
    else:
        return
    for name in idle:
        if asked[name] is not None:
            raise DataError(f"--{name}: does nothing for {where}; leave it out")
