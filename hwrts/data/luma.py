"""Pictures in colour through networks that see luma alone, as the papers of their time had them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data.degrade import upscale
from hwrts.data.depth import LUMA_65536, Codes, luma
from hwrts.data.tiles import Upscaler

# Letters of the shape comments: B pictures, H and W rows and columns, S how much a network enlarges.

_SHARES = np.array(LUMA_65536, np.float32) / 65536
"""Of red, green and blue in Y (BT.601)."""

CHROMA_HALO = 3
"""Pixels around one that its chroma depends on: bicubic's two on each side, rounded up."""


def luma_of_crops(crops: Codes) -> Codes:
    """Y of crops (B, H, W, 3): (B, H, W, 1), rounded once (eq. 22)."""
    count, height, width, colours = crops.shape
    return luma(crops.reshape(count * height, width, colours)).reshape(count, height, width, 1)


def in_colour(network: Upscaler, scale: int) -> Upscaler:
    """A network on Y as one on pictures: its Y, and the chroma of bicubic up-sampling.

    In terms of red, green and blue: all three get what the network's Y has more than that of bicubic.

    Args:
        network: Codes (H, W, 1) uint8 to codes (SH, SW, 1), uint8, or float32 and maybe beyond 0..255.
        scale: S.

    Returns:
        Codes (H, W, 3) uint8 to codes (SH, SW, 3) of the network's type, those of uint8 rounded half to even
        and clipped.
    """

    def upscaler(pixels: Codes) -> NDArray[Any]:
        y = network(luma(pixels))  # (SH, SW, 1)
        smooth = upscale(pixels, scale, "bicubic")  # (SH, SW, 3)
        made: NDArray[np.float32] = smooth + (y - (smooth * _SHARES).sum(2, keepdims=True))
        return np.rint(made).clip(0, 255).astype(np.uint8) if y.dtype == np.uint8 else made

    return upscaler


def in_grey(network: Upscaler) -> Upscaler:
    """A network on Y as one on pictures: its Y in all three colours, where it makes pictures of another size.

    Args:
        network: Codes (H, W, 1) uint8 to codes (H', W', 1).
    """

    def upscaler(pixels: Codes) -> NDArray[Any]:
        return network(luma(pixels)).repeat(3, axis=2)

    return upscaler
