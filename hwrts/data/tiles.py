"""Whole pictures of any size in bounded memory: square tiles with a halo, equal to one pass bit for bit.

A network with a mean over the whole picture in it takes that in one pass: memory grows with the picture then.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data import downscale, to_codes
from hwrts.data.depth import Codes

Upscaler = Callable[[Codes], NDArray[Any]]
"""Codes (H, W, 3) uint8 to codes (SH, SW, 3) of a network of scale S, 1 for same-size; uint8 or float32."""

TILE = 512
"""Side of a tile in input pixels: 64 float channels of it are 64 MiB, and a halo of 6 costs 5 %."""

DOWNSCALER_HALO = 4
"""Input pixels that D (Lanczos, 3 of them on each side) reaches further, rounded up."""


def upscale(network: Upscaler, pixels: Codes, halo: int | None, scale: int = 2) -> Codes:
    """S(x): the picture (SH, SW, 3) of codes (H, W, 3), rounded half to even if the network is float."""
    return _by_tiles(lambda tile: to_codes(network(tile)), pixels, halo, scale)


def upscale_float(network: Upscaler, pixels: Codes, halo: int | None) -> NDArray[np.float32]:
    """S(x) of a float network in codes (2H, 2W, 3) as it makes them, neither rounded nor clipped."""
    return _by_tiles(network, pixels, halo, scale=2, dtype=np.float32)


def enhance(network: Upscaler, pixels: Codes, halo: int | None, scale: int = 2) -> Codes:
    """The same-size enhancement (H, W, 3) of codes (H, W, 3); no whole larger picture is ever formed.

    Args:
        network: Of scale 2 or more, then this is D(S(x)), or of scale 1 with D folded in.
        pixels: The picture.
        halo: Input pixels that an output pixel of the network depends on; None for the whole picture.
        scale: How much the network enlarges.
    """
    if scale == 1:
        return _by_tiles(lambda tile: to_codes(network(tile)), pixels, halo, scale=1)
    return _by_tiles(
        lambda tile: to_codes(downscale(network(tile), scale, "lanczos")),
        pixels,
        None if halo is None else halo + DOWNSCALER_HALO,
        scale=1,
    )


def _by_tiles(
    function: Upscaler, pixels: Codes, halo: int | None, scale: int, dtype: type[np.generic] = np.uint8
) -> NDArray[Any]:
    if halo is None:  # no tile of it could say what the others hold
        return function(pixels)
    height, width, channels = pixels.shape
    out = np.empty((height * scale, width * scale, channels), dtype)
    for top, bottom, left, right in _tiles(height, width):
        first_row, first_column = max(0, top - halo), max(0, left - halo)
        result = function(pixels[first_row : bottom + halo, first_column : right + halo])
        y, x = (top - first_row) * scale, (left - first_column) * scale
        kept = result[y : y + (bottom - top) * scale, x : x + (right - left) * scale]
        out[top * scale : bottom * scale, left * scale : right * scale] = kept
    return out


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            yield top, min(height, top + TILE), left, min(width, left + TILE)
