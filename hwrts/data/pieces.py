"""Pieces of photographs that are worth looking at, and the same piece with what a network reads around it.

Letters: H rows, W columns of a piece.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.data.depth import Codes

LARGEST = (512, 768)
"""Rows and columns that are shown of a larger photograph, around the piece with the most detail."""

SEARCHED = 2048
"""Side of the centre that is searched for detail; 64-bit sums over it take about 200 MiB."""

_DETAIL = 256
"""Side of the piece that a larger one is put around."""


@dataclass(frozen=True)
class Piece:
    """A rectangle of a photograph; sides and place are even, so that LR has the same piece."""

    top: int
    left: int
    height: int
    width: int

    def __str__(self) -> str:
        return (
            f"columns {self.left}\u2013{self.left + self.width - 1}, "
            f"rows {self.top}\u2013{self.top + self.height - 1}"
        )

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where it is in the photograph."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def on(self, step: int) -> "Piece":
        """The same with its place and its sides cut to multiples of a step."""
        return Piece(*(each // step * step for each in (self.top, self.left, self.height, self.width)))

    def smaller(self, factor: int) -> "Piece":
        """The same in the picture that is smaller by a factor, which divides its place and its sides."""
        return Piece(self.top // factor, self.left // factor, self.height // factor, self.width // factor)


def most_detail(pixels: Codes, side: int) -> Piece:
    """The piece with the largest variance of the Laplacian; of equal ones the first by rows.

    In integers throughout, so every machine finds the same one. Of a very large photograph the centre is
    searched.

    Args:
        pixels: A photograph (rows, columns, 3), both even.
        side: Side of the piece, even; a smaller photograph is taken whole in that direction.

    >>> flat = np.zeros((8, 12, 3), np.uint8)
    >>> flat[5, 9] = 255
    >>> most_detail(flat, 4)
    Piece(top=4, left=8, height=4, width=4)
    """
    first_row, first_column = (max(0, (size - SEARCHED) // 4 * 2) for size in pixels.shape[:2])
    pixels = pixels[first_row : first_row + SEARCHED, first_column : first_column + SEARCHED]
    height, width = min(side, pixels.shape[0]), min(side, pixels.shape[1])
    grey = np.pad(pixels.sum(axis=2, dtype=np.int64), 1, mode="edge")  # one pixel wider on each side
    high = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    total, squares = _window_sums(high, height, width), _window_sums(high * high, height, width)
    variance = height * width * squares - total * total  # times (height * width)**2; below 2**63 for 288
    top, left = np.unravel_index(int(variance.argmax()), variance.shape)
    return Piece(first_row + 2 * int(top), first_column + 2 * int(left), height, width)


def shown_piece(pixels: Codes, step: int = 2) -> Piece:
    """All of a photograph, or as much as is shown, around the piece with the most detail.

    Args:
        pixels: A photograph (rows, columns, 3), both even.
        step: What its place and its sides are to be multiples of; even.

    >>> shown_piece(np.zeros((600, 700, 3), np.uint8), 6)
    Piece(top=0, left=0, height=510, width=696)
    """
    detail = most_detail(pixels, _DETAIL)
    sizes = [size // step * step for size in pixels.shape[:2]]
    parts = [min(most // step * step, size) for most, size in zip(LARGEST, sizes, strict=True)]
    middles = (detail.top + detail.height // 2, detail.left + detail.width // 2)
    top, left = (
        min(max(0, (middle - part // 2) // step * step), size - part)
        for middle, part, size in zip(middles, parts, sizes, strict=True)
    )
    return Piece(top, left, parts[0], parts[1])


def with_margin(
    pixels: Codes, piece: Piece, halo: int | None, more: int = 0, multiple: int = 1
) -> tuple[Codes, tuple[slice, slice]]:
    """The piece with as much margin as the picture has, and where the piece is in it.

    Args:
        pixels: The picture (rows, columns, C).
        piece: Of it.
        halo: Pixels around the piece; None for all of the picture.
        more: As many more.
        multiple: What the place and the sides of the result are multiples of, but at the picture's end: what
            a network that shrinks makes of a pixel depends on where its pictures begin.
    """
    margin = max(pixels.shape) if halo is None else halo + more
    top, left = (max(0, start - margin) // multiple * multiple for start in (piece.top, piece.left))
    bottom, right = (
        -(-(end + margin) // multiple) * multiple
        for end in (piece.top + piece.height, piece.left + piece.width)
    )
    y, x = piece.top - top, piece.left - left
    return pixels[top:bottom, left:right], (slice(y, y + piece.height), slice(x, x + piece.width))


def _window_sums(values: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Sums over every window at an even place."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    sums: NDArray[np.int64] = (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
    return sums[::2, ::2]
