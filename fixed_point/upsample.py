"""Interpolation by fixed taps: exact sums, no rounding."""

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError

# Letters of the shape comments: H, W rows and columns; C channels; F factor; K taps, M = K // 2 the margin.

_TAPS = {
    ("bilinear", 2): (2, ((1, 3, 0), (0, 3, 1))),
    ("bilinear", 4): (3, ((3, 5, 0), (1, 7, 0), (0, 7, 1), (0, 5, 3))),
    ("bicubic", 2): (7, ((-3, 29, 111, -9, 0), (0, -9, 111, 29, -3))),
}
"""(fraction bits, taps of each phase). Bicubic is Keys' kernel with a = -1/2, which is exact in 7 bits."""


def upsample_taps(kind: str, factor: int) -> tuple[NDArray[np.int64], int]:
    """The taps of one direction, (F, K), and their fraction bits; each phase sums to 1 (eq. 17).

    Row i holds the weights of the pixels x - M .. x + M for the new pixel F*x + i, whose centre lies at
    x + (i + 1/2)/F - 1/2.

    Raises:
        HwrtsError: A kind and factor that there is not.

    >>> taps, frac = upsample_taps("bilinear", 2)
    >>> taps.tolist(), frac
    ([[1, 3, 0], [0, 3, 1]], 2)
    """
    if (kind, factor) not in _TAPS:
        known = ", ".join(f"{name} by {times}" for name, times in _TAPS)
        raise HwrtsError(f"upsample: {kind!r} by {factor!r} does not exist; use {known}")
    frac, taps = _TAPS[kind, factor]
    return np.array(taps, np.int64), frac


def upsample_accumulate(x: NDArray[np.integer], kind: str, factor: int) -> NDArray[np.int64]:
    """Interpolated accumulators; pixels outside the picture equal the nearest one inside (eq. 17).

    acc[F*y + i, F*x + j] = sum over u, v of t[i, u] * t[j, v] * x[clamp(y + u - M), clamp(x + v - M)]
    on the grid of x with twice the taps' fraction bits more

    Args:
        x: Codes (H, W, C).
        kind: "bilinear" or "bicubic".
        factor: F.

    Returns:
        Accumulators (F*H, F*W, C), int64; of codes of 8 bits they stay below 2**23.

    >>> from .formats import PIXEL
    >>> from .requantize import Rounding, requantize
    >>> acc = upsample_accumulate(np.array([[[0], [2]]], np.uint8), "bilinear", 2)  # 0, 1/2, 3/2, 2
    >>> requantize(acc, 8 + 4, PIXEL, Rounding.HALF_EVEN)[..., 0].tolist()
    [[0, 0, 2, 2], [0, 0, 2, 2]]
    """
    taps, _ = upsample_taps(kind, factor)
    rows = _along_rows(x.astype(np.int64), taps)  # (F*H, W, C)
    return _along_rows(rows.swapaxes(0, 1), taps).swapaxes(0, 1)  # (F*H, F*W, C)


def _along_rows(x: NDArray[np.int64], taps: NDArray[np.int64]) -> NDArray[np.int64]:
    """One direction: (H, W, C) to (F*H, W, C)."""
    margin = taps.shape[1] // 2
    padded = np.pad(x, ((margin, margin), (0, 0), (0, 0)), mode="edge")  # (H + K - 1, W, C)
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1], axis=0)  # (H, W, C, K)
    phases = windows @ taps.T  # (H, W, C, F)
    return np.moveaxis(phases, 3, 1).reshape(-1, *x.shape[1:])  # (F*H, W, C)
