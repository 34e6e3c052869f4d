"""Residual addition: align and add exactly, no rounding."""

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format


def add_accumulate(
    a: NDArray[np.integer], a_format: Format, b: NDArray[np.integer], b_format: Format
) -> tuple[NDArray[np.int64], int]:
    """The exact sum of two tensors on the finer of their grids, and that grid's fraction bits (eq. 6).

    acc = (a << (f - f_a)) + (b << (f - f_b)) with f = max(f_a, f_b)

    Args:
        a: Codes of ``a_format``, any shape.
        a_format: Format of ``a``.
        b: Codes of ``b_format``, the same shape.
        b_format: Format of ``b``.

    Raises:
        HwrtsError: Operands of different shapes.

    >>> from .requantize import Rounding, requantize
    >>> u8, s9 = Format(False, 8, 8), Format(True, 9, 9)
    >>> acc, frac = add_accumulate(np.array([250, 3, 4]), u8, np.array([20, -7, 1]), s9)
    >>> requantize(acc, frac, u8, Rounding.HALF_EVEN).tolist()  # 260, -0.5, 4.5
    [255, 0, 4]
    """
    if a.shape != b.shape:
        raise HwrtsError(f"add: shapes {a.shape} and {b.shape} differ; both operands need the same")
    frac = max(a_format.frac, b_format.frac)
    total = (a.astype(np.int64) << (frac - a_format.frac)) + (b.astype(np.int64) << (frac - b_format.frac))
    return total, frac
