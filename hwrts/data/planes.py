"""Pictures as networks of other channel counts see them: luma, frames, the pattern of a sensor."""

import numpy as np

from hwrts.data.depth import Codes
from hwrts.data.luma import luma_of_crops

# Letters of the shape comments: B pictures, H and W rows and columns.

BAYER = 4
"""Channels of a packed Bayer picture: red, green, green, blue of each square of four pixels."""


def planes(crops: Codes, channels: int) -> Codes | None:
    """Pictures as an input of so many channels usually sees them.

    Luma for one channel; for 3, 6 or 9 the picture itself, twice or three times, as frames of a still; for
    four a Bayer pattern.

    Args:
        crops: (B, H, W, 3).
        channels: Of the input.

    Returns:
        (B, H, W, channels), of a Bayer pattern half of each side; None for other channels.

    >>> x = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    >>> planes(x, 4).ravel().tolist(), planes(x, 6)[0, 0, 0].tolist()
    ([0, 4, 7, 11], [0, 1, 2, 0, 1, 2])
    """
    if channels == 1:
        return luma_of_crops(crops)
    if channels % crops.shape[3] == 0:
        return np.tile(crops, channels // crops.shape[3])
    if channels == BAYER:
        even = crops[:, : crops.shape[1] // 2 * 2, : crops.shape[2] // 2 * 2]
        places = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))  # row, column, colour
        return np.stack([even[:, y::2, x::2, colour] for y, x, colour in places], axis=3)
    return None


def said_of(channels: int) -> str | None:
    """What a photograph is fed as to an input of so many channels; None where :func:`planes` makes nothing.

    >>> said_of(9)
    'the same picture 3 times'
    """
    if channels == 1:
        return "luma"
    if channels == BAYER:
        return "its Bayer pattern (red, green, green, blue), packed"
    if channels % 3:
        return None
    return "the picture" if channels == 3 else f"the same picture {channels // 3} times"
