"""Residual addition: align, add, requantise once."""

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format
from .requantize import Rounding, requantize


def add(
    a: NDArray[np.integer],
    a_format: Format,
    b: NDArray[np.integer],
    b_format: Format,
    out: Format,
    rounding: Rounding,
) -> NDArray[np.integer]:
    """Add two tensors of different grids with ONE rounding (eq. 6).

    Both operands are shifted left onto the finer of the two grids, added exactly, and requantised.

    Args:
        a: Codes of ``a_format``, any shape.
        a_format: Format of ``a``.
        b: Codes of ``b_format``, the same shape.
        b_format: Format of ``b``.
        out: Format of the sum.
        rounding: The tie rule.

    Raises:
        HwrtsError: Operands of different shapes.

    >>> u8, s8 = Format(False, 8, 8), Format(True, 8, 8)
    >>> add(np.array([250, 3]), u8, np.array([10, -5]), s8, u8, Rounding.HALF_EVEN).tolist()
    [255, 0]
    """
    if a.shape != b.shape:
        raise HwrtsError(f"add: shapes {a.shape} and {b.shape} differ; both operands need the same")
    total, frac = add_accumulate(a, a_format, b, b_format)
    return requantize(total, frac, out, rounding)


def add_accumulate(
    a: NDArray[np.integer], a_format: Format, b: NDArray[np.integer], b_format: Format
) -> tuple[NDArray[np.int64], int]:
    """The exact sum on the finer of the two grids, and that grid's fraction bits (eq. 6)."""
    frac = max(a_format.frac, b_format.frac)
    total = (a.astype(np.int64) << (frac - a_format.frac)) + (b.astype(np.int64) << (frac - b_format.frac))
    return total, frac
