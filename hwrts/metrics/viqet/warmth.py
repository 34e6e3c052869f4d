"""Color Warmth of VIQET: the mean temperature of the black body nearest to each pixel.

Letters: H rows, W columns of the working picture.
"""

import functools

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

_TEMPERATURES = np.arange(1000, 40001, 100)  # kelvin, 391 rows

# The black-body locus of the 2-degree observer (Judd, Vos): Chebyshev series in 2 (1000/T - 0.025)/0.975 - 1,
# which is -1 at 40,000 K and 1 at 1,000 K.
_LOCUS_X = (
    0.4834852,
    0.2068114,
    -0.04170581,
    -0.003439996,
    0.007305047,
    -0.003107271,
    0.0004218904,
    0.0002592347,
    -0.0001773039,
    5.185326e-05,
    -3.938273e-06,
)
_LOCUS_Y = (
    0.353866,
    0.03699358,
    -0.06229727,
    0.01978627,
    0.00224995,
    -0.004697023,
    0.00204044,
    -0.0003760196,
    -0.0001634328,
    7.204662e-05,
    -7.517489e-05,
)

_SHRINK = 4  # pixels a side that share one temperature
_AT_ONCE = 4096  # points compared with all rows together: 4096 x 391 float64 are 13 MB


def color_warmth(planes: NDArray[np.uint8]) -> float:
    """Mean temperature in kelvin, 1000..40000; higher is bluer.

    Two quirks of the tool are kept: blue stands where red belongs in X and Y, and X and Y are compared with
    chromaticities as they are.

    Args:
        planes: (3, H, W) uint8, RGB.
    """
    red, green, blue = (plane.astype(np.int32) for plane in _shrunk_sources(planes))  # (4, H/4, W/4) each
    x = np.minimum((1689 * blue + 1465 * green + 739 * red + 2048) >> 12, 255).sum(0)  # 4 times the mean
    y = np.minimum((871 * blue + 2929 * green + 296 * red + 2048) >> 12, 255).sum(0)
    # Many pixels share a colour, and each colour is looked up once.
    side = 4 * 255 + 1
    counts = np.bincount((x * side + y).ravel(), minlength=side * side)
    colours = np.flatnonzero(counts)
    temperatures = np.concatenate(
        [_nearest(colours[i : i + _AT_ONCE], side) for i in range(0, len(colours), _AT_ONCE)]
    )
    return float(np.sum(temperatures * counts[colours]) / x.size)


def _shrunk_sources(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(3, 4, rint(H/4), rint(W/4)): pixels of rows 4i+1, 4i+2 and columns 4j+1, 4j+2, clipped inside."""
    height, width = planes.shape[1:]
    rows, columns = _SHRINK * np.arange(round(height / _SHRINK)), _SHRINK * np.arange(round(width / _SHRINK))
    picked = []
    for i in (1, 2):
        chosen = planes[:, np.minimum(rows + i, height - 1)]  # (3, H/4, W)
        picked += [chosen[:, :, np.minimum(columns + j, width - 1)] for j in (1, 2)]
    return np.stack(picked, axis=1)


def _nearest(colours: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Temperature of the nearest row of the table, of several the first."""
    points = np.stack(np.divmod(colours, side), axis=1) / (4 * 256)  # (colours, 2): means over 256
    locus = _locus()  # (391, 2)
    # |p - q|^2 without |p|^2, which is the same for all rows q
    closeness = points @ (2 * locus.T)  # (colours, 391)
    closeness -= np.square(locus).sum(axis=1)
    temperatures: NDArray[np.int64] = _TEMPERATURES[np.argmax(closeness, axis=1)]
    return temperatures


@functools.cache
def _locus() -> NDArray[np.float64]:
    """(391, 2): x and y of each temperature, to 4 decimals as in the published table."""
    v = 2 * (1000 / _TEMPERATURES - 0.025) / 0.975 - 1
    xy = np.stack([chebyshev.chebval(v, _LOCUS_X), chebyshev.chebval(v, _LOCUS_Y)], axis=1)
    rounded: NDArray[np.float64] = np.round(xy, 4)
    return rounded
