"""Separable filters as products with banded matrices, which BLAS computes faster than a loop of taps.

Letters: H rows, W columns.
"""

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Border = Literal["symmetric", "edge", "constant"]
"""numpy.pad's names: edge pixel repeated in a mirror (cba|abc), replicated (aaa|abc), or zero."""

Float = TypeVar("Float", np.float32, np.float64)

_BAND = 32  # outputs a product: a band of n + taps - 1 inputs wastes little work and keeps BLAS busy


def gaussian_taps(count: int, sigma: float) -> NDArray[np.float64]:
    """A sampled Gaussian of an odd number of taps with sum 1.

    >>> gaussian_taps(3, 0.5).round(4).tolist()
    [0.1065, 0.787, 0.1065]
    """
    x = np.arange(count) - (count - 1) / 2
    taps: NDArray[np.float64] = np.exp(-(x**2) / (2 * sigma**2))
    taps /= taps.sum()
    return taps


def separable(
    x: NDArray[Float], vertical: NDArray[np.float64], horizontal: NDArray[np.float64], border: Border
) -> NDArray[Float]:
    """Correlation with vertical[i] * horizontal[j], both of odd length, of the same size as x.

    Args:
        x: (H, W) float32 or float64; sums are computed in that precision.
        vertical: Taps along the height.
        horizontal: Taps along the width.
        border: What lies outside.

    >>> separable(np.array([[1.0, 2.0, 4.0]]), np.ones(1), np.array([1.0, 0.0, 10.0]), "constant").tolist()
    [[20.0, 41.0, 2.0]]
    """
    height, width = x.shape
    above, before = len(vertical) // 2, len(horizontal) // 2
    padded = np.pad(x, ((above, above), (before, before)), mode=border)
    rows = np.empty((height, padded.shape[1]), x.dtype)
    band = _band_matrix(vertical, x.dtype)
    for i in range(0, height, _BAND):
        n = min(_BAND, height - i)
        np.matmul(band[:n, : n + 2 * above], padded[i : i + n + 2 * above], out=rows[i : i + n])
    out = np.empty_like(x, order="C")
    band = np.ascontiguousarray(_band_matrix(horizontal, x.dtype).T)
    for j in range(0, width, _BAND):
        n = min(_BAND, width - j)
        np.matmul(rows[:, j : j + n + 2 * before], band[: n + 2 * before, :n], out=out[:, j : j + n])
    return out


def window_sums(x: NDArray[np.unsignedinteger], size: int) -> NDArray[np.uint32]:
    """Exact sums of every size x size window inside x: (H, W) to (H - size + 1, W - size + 1) uint32.

    Running sums may wrap around; their differences are exact as long as no window's sum reaches 2**32.

    >>> window_sums(np.array([[1, 2, 3], [4, 5, 6]], np.uint8), 2).tolist()
    [[12, 16]]
    """
    rows = np.zeros((x.shape[0] + 1, x.shape[1]), np.uint32)
    np.cumsum(x, axis=0, out=rows[1:], dtype=np.uint32)
    tall = rows[size:] - rows[:-size]  # (H - size + 1, W)
    columns = np.zeros((tall.shape[0], x.shape[1] + 1), np.uint32)
    np.cumsum(tall, axis=1, out=columns[:, 1:], dtype=np.uint32)
    sums: NDArray[np.uint32] = columns[:, size:] - columns[:, :-size]
    return sums


def _band_matrix(taps: NDArray[np.float64], dtype: np.dtype[Float]) -> NDArray[Float]:
    """(_BAND, _BAND + taps - 1): row i holds the taps from column i on."""
    matrix = np.zeros((_BAND, _BAND + len(taps) - 1), dtype)
    for i in range(_BAND):
        matrix[i, i : i + len(taps)] = taps
    return matrix
