"""What the numbers of a clip's planes mean: bits, chroma format, range and matrix, as in ITU-T H.273."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data.matrix import MATRICES, Matrix, matrix_of
from hwrts.errors import DataError

Plane = NDArray[Any]
"""Codes (H, W): uint8, or uint16 of more than 8 bits."""
Pixels = NDArray[Any]
"""What a network sees or makes, codes (H, W, C) of the same types."""
Planes = tuple[Plane, ...]
"""Y (H, W), and Cb and Cr (ceil(H / down), ceil(W / across)) where there are any."""

_NAMES = {1: "bt709", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
"""Of H.273's code points; 5 and 6 are the two regions of BT.601."""
UNSPECIFIED = 2
LIMITED, FULL = 1, 2
"""libav's numbers of the range."""
HD_LINES = 720
"""From so many lines on a clip that names no matrix is taken for BT.709, as players do."""

CURVES = {16: "PQ", 18: "HLG"}
"""Code points of the transfer functions that no sRGB code has."""

_SIDES = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
_FORMATS = {
    "gray": (8, 0, 0),
    "gray10le": (10, 0, 0),
    **{f"yuv{name}p": (8, *sides) for name, sides in _SIDES.items()},
    **{f"yuv{name}p10le": (10, *sides) for name, sides in _SIDES.items()},
}
"""libav's name -> bits, and columns and rows of luma to one of chroma; 0 where there is no chroma."""

_ALPHA = ("yuva", "ya", "gbra", "rgba", "bgra", "argb", "abgr")


@dataclass(frozen=True)
class Layout:
    """How the planes of a clip are read.

    Attributes:
        name: libav's name of the format.
        height: Rows of Y.
        width: Columns of Y.
        bits: Of a code; 8 in bytes, 10 in the lower bits of two bytes.
        across: Columns of Y to one of chroma; 0 of a clip without chroma.
        down: Rows, likewise.
        full: Codes use 0..2^bits - 1; else 16..235 and 16..240, times 2^(bits - 8).
        matrix: A key of :data:`MATRICES`.
    """

    name: str
    height: int
    width: int
    bits: int
    across: int
    down: int
    full: bool
    matrix: str

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Of a plane."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def most(self) -> int:
        """The largest code that there is."""
        return (1 << self.bits) - 1

    def coefficients(self, colours: int = 8) -> Matrix:
        """Between its codes and red, green and blue of so many bits."""
        return matrix_of(self.matrix, full=self.full, bits=self.bits, colours=colours)

    def shapes(self, scale: int = 1) -> list[tuple[int, int]]:
        """Rows and columns of every plane of a picture that is S times larger."""
        height, width = self.height * scale, self.width * scale
        if not self.across:
            return [(height, width)]
        return [(height, width)] + 2 * [(-(-height // self.down), -(-width // self.across))]

    def sized(self, height: int, width: int) -> "Layout":
        """The same of a picture of another size."""
        return replace(self, height=height, width=width)

    def said(self) -> str:
        """In a few words: "4:2:0, 10 bits, bt709, limited range"."""
        kinds = {(0, 0): "grey", (2, 2): "4:2:0", (2, 1): "4:2:2", (1, 1): "4:4:4"}
        matrix = f", {self.matrix}" if self.across else ""
        return (
            f"{kinds[self.across, self.down]}, {self.bits} bits{matrix}, "
            f"{'full' if self.full else 'limited'} range"
        )


def guessed_matrix(height: int) -> str:
    """What a clip of so many lines is taken for where it names no matrix, as Y4M never does."""
    return "bt709" if height >= HD_LINES else "bt601"


def code_point(matrix: str) -> int:
    """H.273's number of a matrix; of the two of BT.601 that of 525 lines.

    >>> code_point("bt601"), code_point("bt709")
    (6, 1)
    """
    return max(number for number, name in _NAMES.items() if name == matrix)


def layout_of(
    path: str, name: str, height: int, width: int, *, full: bool, space: int, matrix: str | None = None
) -> Layout:
    """The layout of a clip of which libav says this.

    Args:
        path: The clip, for messages.
        name: libav's name of the format; yuvj420p and the like are of full range.
        height: Rows.
        width: Columns.
        full: What the file says of the range.
        space: H.273's code point of the matrix.
        matrix: Where the file says none: a key of :data:`MATRICES`; None goes by the lines.

    Raises:
        DataError: A format or a matrix of which no exact conversion is defined here.
    """
    if matrix is not None and matrix not in MATRICES:
        raise DataError(f"--matrix {matrix}: is unknown; use {', '.join(MATRICES)}")
    plain = name.replace("yuvj", "yuv")
    if plain not in _FORMATS:
        why = "has an alpha plane" if name.startswith(_ALPHA) else f"is none of {', '.join(_FORMATS)}"
        raise DataError(
            f"{path}: its pixels, {name}: the format {why}; convert it, "
            "such as by ffmpeg -i IN -pix_fmt yuv420p"
        )
    bits, across, down = _FORMATS[plain]
    if space in _NAMES:
        matrix = _NAMES[space]
    elif space == UNSPECIFIED or not across:
        matrix = matrix or guessed_matrix(height)
    else:
        raise DataError(
            f"{path}: its colour matrix is number {space} of H.273, and {', '.join(MATRICES)} are known; "
            "convert it, such as by ffmpeg -vf zscale=m=709"
        )
    return Layout(plain, height, width, bits, across, down, full or plain != name, matrix)
