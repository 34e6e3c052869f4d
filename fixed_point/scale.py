"""Multiplication by a constant: one exact product, no rounding."""

import numpy as np
from numpy.typing import NDArray


def scale_accumulate(x: NDArray[np.integer], multiplier: int) -> NDArray[np.int64]:
    """The products of all codes with a constant whose value is multiplier * 2**-k (eq. 15).

    acc = multiplier * x, on the grid of x with k fraction bits more

    Args:
        x: Codes, any shape.
        multiplier: -127..127; with codes of 8 bits a product fits 16.

    Returns:
        Accumulators of the same shape, int64; of codes of 16 bits they stay below 2**23.

    >>> from .formats import Format
    >>> from .requantize import Rounding, requantize
    >>> acc = scale_accumulate(np.array([-6, -2, 2, 6], np.int8), 3)  # times 3/4: -4.5, -1.5, 1.5, 4.5
    >>> requantize(acc, 8 + 2, Format(True, 8, 8), Rounding.HALF_EVEN).tolist()
    [-4, -2, 2, 4]
    """
    return x.astype(np.int64) * multiplier
