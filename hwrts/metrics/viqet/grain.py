"""Grain of VIQET ("final_noise"): the least local deviation relative to the mean and to the steepest detail.

Letters: H rows, W columns of the working picture.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.metrics.viqet.filters import gaussian_taps, separable

_HEIGHT_PER_TAP = 120
_CALM_SHARE = 0.005
_EXACTLY_FLAT = 1e-5  # deviations up to here are flat areas and rounding errors of them


def grain(planes: NDArray[np.uint8], grey: NDArray[np.uint8]) -> float:
    """n1 / act / lap, or 0 if one of them is 0.

    Local deviations sqrt|G(c^2) - (G c)^2| under a Gaussian G of n taps and sigma n/6, n = ceil(H/120) made
    odd, are averaged over the channels; act is their mean without the flat areas, n1 the mean of the lowest
    half percent; lap is the largest 4-neighbour Laplacian of the grey picture.

    Args:
        planes: (3, H, W) uint8.
        grey: (H, W) uint8.
    """
    n = -(-grey.shape[0] // _HEIGHT_PER_TAP)
    n += n % 2 == 0
    taps = gaussian_taps(n, n / 6)
    total = np.zeros(grey.shape)
    for plane in planes:
        c = plane.astype(np.float64)  # float64: the difference of squares cancels
        mean = separable(c, taps, taps, "edge")
        variance = separable(c * c, taps, taps, "edge")
        variance -= np.square(mean, out=mean)
        total += np.sqrt(np.abs(variance, out=variance), out=variance)
    kept = total[total > _EXACTLY_FLAT * len(planes)] / len(planes)
    lowest = int(_CALM_SHARE * kept.size)
    laplacian = _largest_laplacian(grey)
    if lowest == 0 or laplacian == 0:
        return 0.0
    least = np.partition(kept, lowest - 1)[:lowest].mean()
    return float(least / kept.mean() / laplacian)


def _largest_laplacian(grey: NDArray[np.uint8]) -> int:
    p = np.pad(grey, 1, mode="edge").astype(np.int16)
    return int(np.max(p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]))
