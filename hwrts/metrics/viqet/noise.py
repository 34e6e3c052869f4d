"""Noise signature of VIQET ("noise3"): how rough the calmest parts of the picture are.

Letters: H, W the working picture shrunk to three quarters; D, A its 80x80 blocks down and across, N = D A.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hwrts.metrics.viqet.blocks import whole_blocks, zigzag
from hwrts.metrics.viqet.filters import window_sums
from hwrts.metrics.viqet.gabor import Spectrum, coarse_bank, reach_of
from hwrts.metrics.viqet.resize import grey, resize

BLOCK = 80
"""Side of a block in pixels of the shrunk picture: it needs one."""

SHRINK = 0.75
"""Of the working picture, before the blocks are cut."""

_WINDOW = 20  # side of the windows whose deviation is taken
_HIGH_BAND = slice(4500, 6400)  # zigzag positions of the transform's noisy end
_QUARTERS = (1600, 4800)  # places of the quartiles among a block's 6400 sorted pixels
_CALM_SHARE = 0.01  # of the blocks
_CAP = 1.8
_LEAST_RESPONSE = np.float32(1e-5)  # below are rounding errors only, and 1e-5**6 is within float32's range


def noise_signature(planes: NDArray[np.uint8]) -> tuple[float, float]:
    """Roughness of the calmest 1 % of the blocks (capped at 1.8), and their high-frequency DCT magnitude.

    Each block gets a score, the sixth root of a1 a2 a3 a4 a5 a6: mean and sample deviation of its local
    deviations (a1, a2), quartile ratio (a4), and over 16 band-pass responses the means of magnitude (a5),
    Renyi entropy of order 3 of the energy (a6), and their ratio (a3). Of the lowest scores, sqrt(a1 a2) is
    averaged. Blocks whose score is undefined (all black) are taken last.

    Args:
        planes: (3, h, w) uint8, the working picture.
    """
    size = int(SHRINK * planes.shape[1]), int(SHRINK * planes.shape[2])
    q = grey(resize(planes, *size))  # (H, W)
    mean, deviation = _local_deviations(q)  # (N,) each
    with np.errstate(divide="ignore", invalid="ignore"):  # black blocks, sorted last below
        score = mean * deviation * _quartile_ratio(q) * _band_pass(q)  # the root does not change the order
    calm = np.argsort(score, kind="stable")[: math.ceil(_CALM_SHARE * len(score))]  # NaN sorts last
    roughness = float(np.mean(np.sqrt(mean[calm] * deviation[calm])))
    blocks = whole_blocks(q, BLOCK)[calm].astype(np.float64)
    coefficients = np.abs(fft.dctn(blocks, axes=(1, 2), norm="ortho")).reshape(len(calm), -1)
    return min(roughness, _CAP), float(np.mean(coefficients[:, zigzag(BLOCK)[_HIGH_BAND]]))


def _local_deviations(q: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each block: mean and sample deviation of the sample deviations of its 61x61 windows of 20x20."""
    count = _WINDOW * _WINDOW
    wide = q.astype(np.uint32)
    total = window_sums(q, _WINDOW).astype(np.int64)
    squares = window_sums(wide * wide, _WINDOW).astype(np.int64)
    # Integers under the root: never negative, and exact.
    deviations = np.sqrt((squares * count - total * total) / (count * (count - 1)))
    inside = BLOCK - _WINDOW + 1
    down, across = q.shape[0] // BLOCK, q.shape[1] // BLOCK
    values = np.stack(
        [
            deviations[i : i + inside, j : j + inside].ravel()
            for i in range(0, down * BLOCK, BLOCK)
            for j in range(0, across * BLOCK, BLOCK)
        ]
    )  # (N, 3721)
    return values.mean(axis=1), values.std(axis=1, ddof=1)


def _quartile_ratio(q: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) upper over lower quartile of each block's pixels; infinite where the lower one is black."""
    values = np.sort(whole_blocks(q, BLOCK).reshape(-1, BLOCK * BLOCK), axis=1)
    low, high = (values[:, place].astype(np.float64) for place in _QUARTERS)
    ratio: NDArray[np.float64] = high / low
    return ratio


def _band_pass(q: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) product a3 a5 a6 of the means over the 16 responses; the border of the picture is mirrored."""
    bank = coarse_bank()
    reach = reach_of(bank)
    # No further margin: what wraps around stays within the padding, outside of the blocks.
    spectrum = Spectrum(np.pad(q, reach, mode="symmetric").astype(np.float32), 0)
    down, across = q.shape[0] // BLOCK, q.shape[1] // BLOCK
    inside = slice(reach, reach + down * BLOCK), slice(reach, reach + across * BLOCK)
    magnitudes, entropies = [], []
    for kernel in bank:
        response = np.abs(spectrum.filtered(kernel)[inside])  # (80 D, 80 A)
        np.maximum(response, _LEAST_RESPONSE, out=response)
        magnitudes.append(_block_sums(response) / BLOCK**2)
        energy = np.square(response)
        cubes = np.square(energy, out=response) * energy
        # With P = energy / sum: -ln(sum P^3) / 2.
        entropies.append(-0.5 * np.log(_block_sums(cubes) / _block_sums(energy) ** 3))
    magnitude, entropy = np.array(magnitudes), np.array(entropies)  # (16, N) each
    product: NDArray[np.float64] = (
        (magnitude / entropy).mean(axis=0) * magnitude.mean(axis=0) * entropy.mean(axis=0)
    )
    return product


def _block_sums(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """(80 D, 80 A) to (N,)."""
    rows = x.reshape(-1, BLOCK) @ np.ones(BLOCK, np.float32)  # (80 D A)
    sums: NDArray[np.float64] = rows.reshape(x.shape[0] // BLOCK, BLOCK, -1).sum(axis=1, dtype=np.float64)
    return sums.ravel()
