"""Raw planes in a pipe, which say nothing of themselves."""

import contextlib
from dataclasses import dataclass
from fractions import Fraction

from hwrts.errors import DataError


@dataclass(frozen=True)
class Raw:
    """What raw planes in a pipe do not say of themselves.

    Attributes:
        width: Columns.
        height: Rows.
        pixels: libav's name of the format.
        rate: Frames a second.
    """

    width: int
    height: int
    pixels: str
    rate: Fraction

    @classmethod
    def of(cls, text: str) -> "Raw":
        """As ``--raw`` has it.

        Raises:
            DataError: It is not WIDTHxHEIGHT,FORMAT,RATE.

        >>> Raw.of("960x540,yuv420p10le,24000/1001").rate
        Fraction(24000, 1001)
        """
        with contextlib.suppress(ValueError, ZeroDivisionError):
            size, pixels, rate = text.split(",")
            width, height = map(int, size.split("x"))
            made = cls(width, height, pixels, Fraction(rate))
            if width > 0 and height > 0 and made.rate > 0:
                return made
        raise DataError(f"--raw {text}: is no layout of raw planes; give it as 960x540,yuv420p,25")

    def options(self) -> dict[str, str]:
        """For libav."""
        size = f"{self.width}x{self.height}"
        return {"video_size": size, "pixel_format": self.pixels, "framerate": str(self.rate)}
