"""The working picture of VIQET: 8-bit bilinear resizing without antialiasing, and 8-bit grey.

Letters: h, w the source, H, W the result. Pictures are kept as planes, (3, H, W) in the order R, G, B: every
step works on one channel's neighbours.
"""

import numpy as np
from numpy.typing import NDArray

# The picture is scaled, up or down, to fit this frame (docs/viqet.md, "Working picture").
_FRAME_HEIGHT, _FRAME_WIDTH = 1200, 1920

_WEIGHT_BITS = 11  # of a bilinear weight: 2048 is 1


def working_size(height: int, width: int) -> tuple[int, int]:
    """(H, W) that a picture is scaled to before anything is measured; integer divisions round down.

    >>> working_size(1356, 2040), working_size(1080, 1920), working_size(1, 1)
    ((1200, 1805), (1080, 1920), (1200, 1200))
    """
    scaled_width = _FRAME_HEIGHT * width // height
    if scaled_width <= _FRAME_WIDTH:
        return _FRAME_HEIGHT, scaled_width
    return _FRAME_WIDTH * height // width, _FRAME_WIDTH


def resize(planes: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bilinear resizing of 8-bit planes in integers, the rule of OpenCV's INTER_LINEAR.

    Same size: a copy. Exactly half in both axes: (a + b + c + d + 2) >> 2 of each 2x2 block. Otherwise, with
    11-bit weights, R = a0 p[s] + a1 p[s+1] along each row, then
    (((b0 (R0 >> 4)) >> 16) + ((b1 (R1 >> 4)) >> 16) + 2) >> 2 along each column.

    Args:
        planes: (C, h, w) uint8.
        height: H, 1 or more.
        width: W, 1 or more.

    Returns:
        (C, H, W) uint8.

    >>> resize(np.array([[[0, 100]]], np.uint8), 1, 4).tolist()
    [[[0, 25, 75, 100]]]
    """
    h, w = planes.shape[1:]
    if (h, w) == (height, width):
        return planes.copy()
    if (h, w) == (2 * height, 2 * width):
        wide = planes.astype(np.uint16)
        rows = wide[:, ::2] + wide[:, 1::2]  # (C, H, w)
        blocks = (rows[:, :, ::2] + rows[:, :, 1::2] + 2) >> 2  # (C, H, W)
        halved: NDArray[np.uint8] = blocks.astype(np.uint8)
        return halved
    left, fraction = _positions(w, width)
    # At the left and right ends the outermost pixel counts alone; at the top and bottom both rows are clipped
    # instead, which weighs the same row twice and rounds twice.
    fraction[(left < 0) | (left >= w - 1)] = 0
    left = np.clip(left, 0, w - 1)
    right = np.minimum(left + 1, w - 1)
    a0, a1 = _weights(fraction)
    top, fraction = _positions(h, height)
    b0, b1 = (b[:, np.newaxis] for b in _weights(fraction))
    bottom = np.clip(top + 1, 0, h - 1)
    top = np.clip(top, 0, h - 1)
    out = np.empty((planes.shape[0], height, width), np.uint8)
    for plane, result in zip(planes, out, strict=True):
        rows_i32 = plane[:, left] * a0  # (h, W)
        rows_i32 += plane[:, right] * a1
        rows_i32 >>= 4
        total_i32 = rows_i32[top] * b0  # (H, W)
        total_i32 >>= 16
        lower_i32 = rows_i32[bottom] * b1
        lower_i32 >>= 16
        total_i32 += lower_i32
        total_i32 += 2
        total_i32 >>= 2
        result[:] = total_i32
    return out


def grey(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """8-bit grey (9798 R + 19235 G + 3735 B + 2**14) >> 15 of planes (3, H, W); (H, W) uint8."""
    red, green, blue = planes
    total_i32 = red * np.int32(9798)
    total_i32 += green * np.int32(19235)
    total_i32 += blue * np.int32(3735)
    total_i32 += 1 << 14
    total_i32 >>= 15
    codes: NDArray[np.uint8] = total_i32.astype(np.uint8)
    return codes


def _positions(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of each target sample: the source sample before it (-1 .. source-1), and the float32 distance."""
    scale = 1 / (target / source)  # in this order: it decides the last bit
    place = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    before = np.floor(place)
    return before.astype(np.int64), place - before


def _weights(fraction: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    one = np.float32(1 << _WEIGHT_BITS)
    first = np.rint((np.float32(1) - fraction) * one).astype(np.int32)
    return first, np.rint(fraction * one).astype(np.int32)
