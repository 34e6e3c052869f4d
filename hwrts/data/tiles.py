"""Whole pictures of any size in bounded memory: square tiles with a halo, equal to one pass bit for bit.

A network with a mean over the whole picture in it takes that in one pass: memory grows with the picture then.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data import downscale, to_codes
from hwrts.data.depth import Codes, Samples, in_units
from hwrts.errors import DataError
from hwrts.fixed_point.sizes import edge_padded, legal_sides

Upscaler = Callable[[Any], NDArray[Any]]
"""Codes (H, W, 3) to codes (SH, SW, 3) of a network of scale S, 1 for same-size: uint8, or uint16 of more
bits; or float32 in units of 8-bit codes."""

TILE = 512
"""Side of a tile in input pixels: 64 float channels of it are 64 MiB, and a halo of 6 costs 5 %."""

WIDEST = 64
"""Bytes of a pixel in the widest tensor of a tile: 64 channels. Tiles of narrower networks are larger, for
what is computed twice at their edges, and copied, costs one of 8 channels a sixth of its time."""

THIN = 8
"""What is left of a picture and is less than this part of a tile stays with the one before: 28 rows that a
frame of 540 leaves cost a twelfth of its time."""

DOWNSCALER_HALO = 4
"""Input pixels that D (Lanczos, 3 of them on each side) reaches further, rounded up."""


@dataclass(frozen=True)
class Sizes:
    """Which pictures a network takes, and how large its own are: S*H - lacks[0] rows of H, if it takes H.

    Others are padded at the right and at the bottom by repeating the edge, and what is made of that is cut
    off again: ceil(S*H) - lacks[0] rows are left.

    Attributes:
        multiple: What H and W must be a multiple of.
        smallest: H and W at least.
        lacks: Rows and columns that convolutions without padding have taken away, at the end.
    """

    multiple: int = 1
    smallest: tuple[int, int] = (1, 1)
    lacks: tuple[int, int] = (0, 0)

    def taken(self, height: int, width: int) -> tuple[int, int]:
        """The least rows and columns that it takes and that are as many or more."""
        return legal_sides(self.multiple, self.smallest, height, width)

    def padded(self, pixels: Any) -> Any:
        """Codes (H, W, C) with as many rows and columns of the edge as it takes.

        >>> Sizes(multiple=2).padded(np.array([[[1], [2], [3]]], np.uint8))[:, :, 0].tolist()
        [[1, 2, 3, 3], [1, 2, 3, 3]]
        """
        return edge_padded(pixels, *self.taken(*pixels.shape[:2]))

    def made_of(self, height: int, width: int, scale: Fraction | int) -> tuple[int, int]:
        """Rows and columns that are left of what the network makes of a picture.

        Raises:
            DataError: None: a picture that is too small for it.
        """
        rows, columns = (
            math.ceil(scale * size) - lack for size, lack in zip((height, width), self.lacks, strict=True)
        )
        if rows < 1 or columns < 1:
            raise DataError(
                f"a picture of {width}x{height}: the network's convolutions without padding leave nothing of "
                f"it; {_least(self.lacks[1], scale)}x{_least(self.lacks[0], scale)} pixels are the least"
            )
        return rows, columns


ANY = Sizes()
"""Of a network that takes any picture and keeps its size, or enlarges it by a whole number."""


def _least(lack: int, scale: Fraction | int) -> int:
    """The smallest side of which a pixel is left."""
    return math.floor(lack / Fraction(scale)) + 1


def upscale(
    network: Upscaler,
    pixels: Samples,
    halo: int | None,
    scale: Fraction | int = 2,
    sizes: Sizes = ANY,
    bits: int = 8,
    wider: int = 1,
) -> Any:
    """S(x): the picture (SH, SW, 3) of codes (H, W, 3), rounded half to even if the network is float."""
    return _by_tiles(
        lambda tile: to_codes(network(tile), bits), pixels, halo, scale, sizes, _type(bits), wider
    )


def upscale_float(
    network: Upscaler, pixels: Codes, halo: int | None, scale: Fraction | int = 2, sizes: Sizes = ANY
) -> NDArray[np.float32]:
    """S(x) of a float network in codes (2H, 2W, 3) as it makes them, neither rounded nor clipped."""
    return _by_tiles(network, pixels, halo, scale, sizes, np.float32)


def enhance(
    network: Upscaler,
    pixels: Samples,
    halo: int | None,
    scale: Fraction | int = 2,
    sizes: Sizes = ANY,
    bits: int = 8,
    wider: int = 1,
) -> Any:
    """The same-size enhancement (H, W, 3) of codes (H, W, 3); no whole larger picture is ever formed.

    Args:
        network: Of scale 2 or more, then this is D(S(x)), or of scale 1 with D folded in.
        pixels: The picture.
        halo: Input pixels that an output pixel of the network depends on; None for the whole picture.
        scale: How much the network enlarges.
        sizes: Of the pictures that it takes and makes.
        bits: Of its pixels; more than 8 are uint16.
        wider: Tiles are so many times as wide as :data:`TILE`, and as high (:func:`wider_by`).

    Raises:
        DataError: What it makes has not the size of the picture, nor that size times a whole number.
    """
    if scale != int(scale) or any(sizes.lacks):
        raise DataError(
            "the network makes smaller pictures or has convolutions without padding: it enhances none at the "
            "size that it has; ask for what the network itself makes"
        )
    if scale == 1:
        return upscale(network, pixels, halo, 1, sizes, bits, wider)
    whole = sizes.padded(pixels)  # before D sees an edge that is none
    made = _by_tiles(
        lambda tile: to_codes(downscale(_units(network(tile), bits), int(scale), "lanczos"), bits),
        whole,
        None if halo is None else halo + DOWNSCALER_HALO,
        1,
        sizes,
        _type(bits),
        wider,
    )
    return made[: pixels.shape[0], : pixels.shape[1]]


def _type(bits: int) -> type[np.integer]:
    """What codes are held in."""
    return np.uint8 if bits == 8 else np.uint16


def _units(made: NDArray[Any], bits: int) -> NDArray[Any]:
    """What a network made, in units of 8-bit codes."""
    return in_units(made, bits) if made.dtype == np.uint16 else made


def _by_tiles(
    function: Upscaler,
    pixels: Samples,
    halo: int | None,
    scale: Fraction | int,
    sizes: Sizes,
    dtype: type[np.generic] = np.uint8,
    wider: int = 1,
) -> NDArray[Any]:
    """What a function makes of a picture, tile by tile; each begins and ends where the network may."""
    height, width, _ = pixels.shape
    rows, columns = sizes.made_of(height, width, scale)
    whole = sizes.padded(pixels)
    if halo is None:  # no tile of it could say what the others hold
        return function(whole)[:rows, :columns]
    height, width, _ = whole.shape
    halo = -(-halo // sizes.multiple) * sizes.multiple
    out: NDArray[Any] | None = None
    for top, bottom, left, right in _tiles(height, width, sizes.multiple, wider):
        first_row, first_column = max(0, top - halo), max(0, left - halo)
        result = function(whole[first_row : bottom + halo, first_column : right + halo])
        if out is None:
            out = np.empty((rows, columns, result.shape[2]), dtype)
        y, x = int(top * scale), int(left * scale)
        end_y, end_x = min(rows, int(bottom * scale)), min(columns, int(right * scale))
        if y < end_y and x < end_x:  # or nothing is left of it
            from_y, from_x = y - int(first_row * scale), x - int(first_column * scale)
            out[y:end_y, x:end_x] = result[from_y : from_y + end_y - y, from_x : from_x + end_x - x]
    assert out is not None  # a picture has at least one tile
    return out


def wider_by(pixel_bytes: int) -> int:
    """How many times the side of a tile can be as long, in as much memory.

    Args:
        pixel_bytes: What the largest tensor has for each pixel of the input.

    >>> wider_by(4), wider_by(12), wider_by(32), wider_by(256)
    (4, 2, 1, 1)
    """
    return max(1, math.isqrt(WIDEST // pixel_bytes))


def _tiles(height: int, width: int, multiple: int, wider: int) -> Iterator[tuple[int, int, int, int]]:
    side = max(multiple, TILE * wider // multiple * multiple)
    for top, bottom in _cuts(height, side):
        for left, right in _cuts(width, side):
            yield top, bottom, left, right


def _cuts(size: int, side: int) -> list[tuple[int, int]]:
    """Begin and end of tiles along one side of a picture.

    >>> _cuts(540, 512), _cuts(600, 512), _cuts(30, 16)
    ([(0, 540)], [(0, 512), (512, 600)], [(0, 16), (16, 30)])
    """
    starts = list(range(0, size, side))
    if len(starts) > 1 and THIN * (size - starts[-1]) < side:
        starts.pop()
    return list(zip(starts, [*starts[1:], size], strict=True))
