"""Texture features of VIQET: statistics of block DCT coefficients from low to high frequency ("gm").

Letters: N blocks of 36x36, K = 1296 coefficients.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from hwrts.metrics.viqet.blocks import whole_blocks, zigzag

BLOCK = 36
"""Side of a block in pixels: a working picture needs one."""

_BINS = 6  # bands of 216 coefficients in zigzag order
_NO_SHAPE = 11.0  # when the distribution is outside the table


def texture_table(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Four statistics of the DCT coefficients over the blocks, each in six bands from low to high frequency.

    Of each coefficient c over the blocks: shape of a generalised Gaussian; rho = var/((mean |c - mean|)^2 +
    1e-7); var; mean |c|. Each is averaged over the six sixths of the zigzag order; the first leaves out the
    mean (DC).

    Args:
        grey: (H, W) uint8, both sides 36 or more.

    Returns:
        (24,): shape, rho, var, mean magnitude, six bands each.
    """
    blocks = whole_blocks(grey, BLOCK).astype(np.float64)  # (N, 36, 36)
    c = fft.dctn(blocks, axes=(1, 2), norm="ortho", overwrite_x=True).reshape(len(blocks), -1)  # (N, K)
    magnitude = np.abs(c).mean(axis=0)  # (K,)
    c -= c.mean(axis=0)
    var = np.square(c).mean(axis=0)
    rho = var / (np.square(np.abs(c, out=c).mean(axis=0)) + 1e-7)  # 1e-7: constant coefficients give 0
    statistics = np.stack([_shape(rho), rho, var, magnitude])[:, zigzag(BLOCK)]  # (4, K)
    bands = statistics.reshape(4, _BINS, -1)  # (4, 6, 216)
    means = bands.mean(axis=2)
    means[:, 0] = bands[:, 0, 1:].mean(axis=1)
    table: NDArray[np.float64] = means.ravel()
    return table


def _shape(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape of the generalised Gaussian with E x^2 / (E |x|)^2 just above rho; 11 outside the table."""
    shapes, ratios = _shape_table()
    index = np.searchsorted(-ratios, -rho, side="right") - 1  # ratios fall: the last that is >= rho
    known = (index >= 0) & (index < len(shapes) - 1)
    found: NDArray[np.float64] = np.where(known, shapes[np.where(known, index, 0)], _NO_SHAPE)
    return found


@functools.cache
def _shape_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shapes 0.03, 0.031, ... 10 and G(1/v) G(3/v) / G(2/v)^2 with the gamma function G, falling."""
    shapes = np.cumsum(np.concatenate([[0.03], np.full(9971, 0.001)]))  # summed up as the tool does
    shapes = shapes[shapes <= 10]
    ln = special.gammaln
    return shapes, np.exp(ln(1 / shapes) + ln(3 / shapes) - 2 * ln(2 / shapes))
