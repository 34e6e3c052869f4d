"""Leaky ReLU with a slope for each channel: one shift or one product, no rounding."""

import numpy as np
from numpy.typing import NDArray

# Letters of the shape comments: C channels, the last axis.


def prelu_accumulate(
    x: NDArray[np.integer], slope_i8: NDArray[np.int8], slope_frac: int
) -> NDArray[np.int64]:
    """Codes as they are from zero on, times their channel's slope below; both on one grid (eq. 16).

    acc = x * 2**k where x >= 0, slope[c] * x where x < 0, on the grid of x with k = slope_frac bits more

    Args:
        x: Codes (..., C).
        slope_i8: Codes (C,), -127..127; the value of a slope is code * 2**-k.
        slope_frac: k, 0..24.

    Returns:
        Accumulators (..., C), int64; the caller's proof is that they fit int32.

    >>> from .formats import Format
    >>> from .requantize import Rounding, requantize
    >>> acc = prelu_accumulate(np.array([[3], [-2], [-6]], np.int8), np.array([1], np.int8), 2)  # slope 1/4
    >>> requantize(acc, 8 + 2, Format(True, 8, 8), Rounding.HALF_EVEN)[:, 0].tolist()
    [3, 0, -2]
    """
    wide = x.astype(np.int64)
    return np.where(wide >= 0, wide << slope_frac, wide * slope_i8)
