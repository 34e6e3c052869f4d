"""VIQET's features without a filter bank: contrast, exposure, saturation, dynamic range, clipped areas.

Letters: H rows, W columns of the working picture; P, Q its 7x7 blocks down and across.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.metrics.viqet.filters import window_sums

_BLOCK = 7
_OVER, _UNDER = 254, 2  # mean codes of a window beyond which it counts as over- or under-exposed
_WINDOWS = 8  # the window's side is the shorter side of the picture over this


def contrast_and_exposure(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Local contrast, and the brightness where the picture has structure, both over 7x7 blocks.

    Contrast is the mean of (max - min)/(max + min). With m, s the mean and population deviation of a block,
    exposure is the sum of m over the blocks whose s exceeds (sum of s)/(blocks + 1), over their number + 1.
    Blocks in the last row and column may be partial.

    Args:
        grey: (H, W) uint8.

    Returns:
        Contrast in 0..1 and exposure in 0..255 codes.

    >>> contrast_and_exposure(np.array([[10, 30]], np.uint8))
    (0.5, 10.0)
    """
    height, width = grey.shape
    rows, columns = np.arange(0, height, _BLOCK), np.arange(0, width, _BLOCK)
    highest = np.maximum.reduceat(np.maximum.reduceat(grey, rows, axis=0), columns, axis=1)  # (P, Q)
    lowest = np.minimum.reduceat(np.minimum.reduceat(grey, rows, axis=0), columns, axis=1)
    high, low = highest.astype(np.float64), lowest.astype(np.float64)
    contrast = np.mean((high - low) / (high + low + 1e-19))  # 1e-19: a black block has contrast 0
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))  # (P, Q)
    wide = grey.astype(np.int32)
    total = np.add.reduceat(np.add.reduceat(wide, rows, axis=0), columns, axis=1)  # (P, Q)
    squares = np.add.reduceat(np.add.reduceat(wide * wide, rows, axis=0), columns, axis=1)
    mean = total / counts
    deviation = np.sqrt(squares * counts - total * total) / counts  # integers under the root: never negative
    busy = deviation > deviation.sum() / (deviation.size + 1)
    return float(contrast), float(mean[busy].sum() / (np.count_nonzero(busy) + 1))


def saturation(planes: NDArray[np.uint8]) -> float:
    """Mean of the 8-bit HSV saturation, 0..255, of planes (3, H, W): ((max - min) T[max] + 2048) >> 12."""
    highest = np.maximum(np.maximum(planes[0], planes[1]), planes[2])  # (H, W)
    lowest = np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    table = np.zeros(256, np.int32)  # T[v] = rint(255 * 4096 / v), 0 for black
    table[1:] = np.rint(255 * 4096 / np.arange(1, 256))
    codes_i32 = table[highest]  # (H, W)
    codes_i32 *= highest - lowest
    codes_i32 += 2048
    codes_i32 >>= 12
    return float(np.mean(codes_i32))


def divergence_from_uniform(grey: NDArray[np.uint8]) -> float:
    """KL = sum p ln(256 p) over the grey codes 0..254 (255 is left out): unevenness, 0..ln 256.

    A picture of code 255 alone, of which nothing is left, counts as any other picture of one code: ln 256.
    """
    counts = np.bincount(grey.ravel(), minlength=256)[:255]
    if not counts.any():
        return float(np.log(256))
    share = counts[counts > 0] / counts.sum()
    return float(np.sum(share * np.log(256 * share)))


def over_and_under_exposed(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Percent of pixels whose surroundings are nearly white, and nearly black.

    The surroundings are a k x k window, k = min(H, W) // 8, with the border mirrored; white is a mean above
    254, black below 2. Sums are exact integers.

    Args:
        grey: (H, W) uint8, both sides 8 or more.
    """
    k = min(grey.shape) // _WINDOWS
    before, after = k // 2, k - 1 - k // 2
    sums = window_sums(np.pad(grey, (before, after), mode="symmetric"), k)  # (H, W)
    over, under = np.mean(sums > _OVER * k * k), np.mean(sums < _UNDER * k * k)
    return 100 * float(over), 100 * float(under)
