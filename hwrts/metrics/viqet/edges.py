"""Edge features of VIQET: how many edge pixels there are, and how steep the picture is across them.

Letters: H rows, W columns of the working picture.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.metrics.viqet.canny import canny
from hwrts.metrics.viqet.filters import gaussian_taps, separable
from hwrts.metrics.viqet.gabor import Spectrum, fine_bank, reach_of

_BLUR_TAPS, _BLUR_SIGMA = 13, 2.0  # before the edge detector
_BLUR_8_BIT = np.array([1, 2, 7, 16, 31, 45, 52, 45, 31, 16, 7, 2, 1], np.float64)  # the same in 1/256
_SOFT_TAPS, _SOFT_SIGMA = 7, 7 / 6  # before the derivatives
_FRAME = 10  # pixels at the border that the multi-scale acutance leaves out


def edge_count_and_strength(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Number of edge pixels ("details"), and the sum over them of (|Sobel x| + |Sobel y|)/2 ("sharp4").

    Edges are found on the picture blurred in float and rounded; the derivatives are of the picture blurred
    twice, with zeros outside.

    Args:
        grey: (H, W) uint8.
    """
    taps = gaussian_taps(_BLUR_TAPS, _BLUR_SIGMA)
    # float64: the rounding to codes must fall as in the tool
    blurred = separable(grey.astype(np.float64), taps, taps, "symmetric")  # (H, W)
    edges = canny(np.rint(blurred).astype(np.uint8))
    soft = grey.astype(np.float32)
    taps = gaussian_taps(_SOFT_TAPS, _SOFT_SIGMA)
    for _ in range(2):
        soft = separable(soft, taps, taps, "constant")
    p = np.pad(soft, 1)  # (H+2, W+2)
    tall = p[:-2] + 2 * p[1:-1] + p[2:]  # (H, W+2)
    wide = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]  # (H+2, W)
    steepness = np.abs(tall[:, 2:] - tall[:, :-2])[edges] + np.abs(wide[2:] - wide[:-2])[edges]
    return float(np.count_nonzero(edges)), float(steepness.sum(dtype=np.float64)) / 2


def edge_acutance(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Sum over the edge pixels of the magnitude of nine band-pass responses ("sharp5"), (9,) coarse to fine.

    Edges are found on the picture blurred in 8-bit integers, (sum + 2**15) >> 16; a frame of 10 pixels is
    left out.

    Args:
        grey: (H, W) uint8.
    """
    # Exact in float32: all values are integers and no sum exceeds 255 * 2**16 < 2**24.
    sums = separable(grey.astype(np.float32), _BLUR_8_BIT, _BLUR_8_BIT, "symmetric")
    edges = canny(((sums.astype(np.int32) + (1 << 15)) >> 16).astype(np.uint8))
    inside = np.zeros_like(edges)
    inside[_FRAME:-_FRAME, _FRAME:-_FRAME] = edges[_FRAME:-_FRAME, _FRAME:-_FRAME]
    places = np.flatnonzero(inside)
    rows, columns = np.divmod(places, grey.shape[1])
    bank = fine_bank()
    spectrum = Spectrum(grey.astype(np.float32), reach_of(bank))
    totals = [np.abs(spectrum.filtered(kernel)[rows, columns]).sum(dtype=np.float64) for kernel in bank]
    return np.array(totals, np.float64)
