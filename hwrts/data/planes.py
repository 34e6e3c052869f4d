"""Pictures as networks of other channel counts see them: luma, frames, the pattern of a sensor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data.depth import Samples
from hwrts.data.luma import OWN, Luma

# Letters of the shape comments: B pictures, H and W rows and columns.

BAYER = 4
"""Channels of a packed Bayer picture: red, green, green, blue of each square of four pixels."""


MOVED = 2
"""Pixels down and to the right from one frame to the next; even, so that a Bayer pattern stays in phase."""

NOISE = 3
"""Most that a frame's noise is, in codes of bytes."""


def planes(
    crops: Samples, channels: int, first: int = 0, luma: Luma = OWN, bits: int = 8
) -> NDArray[Any] | None:
    """Pictures as an input of so many channels usually sees them.

    Luma for one channel; for 3, 6 or 9 the picture, or two or three frames of it; for four a Bayer pattern.
    Frames are moved and have noise: of equal ones every difference would be 0, and its format far too fine.

    Args:
        crops: (B, H, W, 3).
        channels: Of the input.
        first: How many frames of the same picture other inputs have before: 0 is the picture as it is.
        luma: What one channel sees.
        bits: Of the pixels.

    Returns:
        (B, H, W, channels), of a Bayer pattern half of each side; None for other channels.

    >>> x = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    >>> planes(x, 4).ravel().tolist(), planes(x, 6)[0, 0, 0, :3].tolist()
    ([0, 4, 7, 11], [0, 1, 2])
    """
    if channels % crops.shape[3] == 0:
        count = channels // crops.shape[3]
        return np.concatenate([_frame(crops, first + i, bits) for i in range(count)], axis=3)
    crops = _frame(crops, first, bits)
    if channels == 1:
        return luma.of(crops, bits)
    if channels == BAYER:
        even = crops[:, : crops.shape[1] // 2 * 2, : crops.shape[2] // 2 * 2]
        places = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))  # row, column, colour
        return np.stack([even[:, y::2, x::2, colour] for y, x, colour in places], axis=3)
    return None


def _frame(crops: Samples, number: int, bits: int) -> NDArray[Any]:
    """Pictures (B, H, W, 3) as the frame of that number: what leaves at one side comes in at the other."""
    if not number:
        return crops
    most, reach = (1 << bits) - 1, NOISE << (bits - 8)
    noise = np.random.default_rng(number).integers(-reach, reach + 1, crops.shape)
    moved = np.roll(crops, (MOVED * number, MOVED * number), axis=(1, 2)) + noise
    made: NDArray[Any] = moved.clip(0, most).astype(crops.dtype)
    return made


def said_of(channels: int, first: int = 0) -> str | None:
    """What a photograph is fed as to an input of so many channels; None where :func:`planes` makes nothing.

    >>> said_of(9)
    'the picture as 3 frames, each moved by 2 pixels more and with noise'
    >>> said_of(3, first=1)
    'the picture, moved by 2 pixels and with noise as another frame'
    """
    frame = f", moved by {MOVED * first} pixels and with noise as another frame" if first else ""
    if channels == 1:
        return f"luma{frame}"
    if channels == BAYER:
        return f"its Bayer pattern (red, green, green, blue), packed{frame}"
    if channels % 3:
        return None
    if channels == 3:
        return f"the picture{frame}"
    return f"the picture as {channels // 3} frames, each moved by {MOVED} pixels more and with noise"
