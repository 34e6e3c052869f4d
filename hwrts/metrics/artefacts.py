"""What sharpening must not do: halos beside edges, and noise where nothing is to be seen.

Both are measured on Y against the original, so that a score can't be bought with them unnoticed.
Letters: H rows, W columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.metrics.fidelity import compared, luma_y

EDGE_RANGE = 32.0
"""Codes of Y between the darkest and the brightest of 3x3 pixels that make an edge."""

REACH = 3
"""Pixels either side: where a halo is looked for, and what of the original it is compared with. A halo of the
x2 network's last kernels is 2 wide."""

FLAT_BLOCK = 8
"""Side of the blocks of which noise is measured."""

FLAT_DEVIATION = 0.25, 2.0
"""Standard deviation of Y in a flat block, in codes: sensor and JPEG noise, no texture. A constant block (a
clipped sky) has no noise that could be amplified."""


@dataclass(frozen=True)
class Artefacts:
    """What a picture has that its original had not; None where the original has no edge or no flat area.

    Attributes:
        overshoot: Codes of Y by which pixels near edges leave the range of the original around them, mean.
        overshoot_99: The same, 99th percentile: the visible halos.
        noise_gain: Standard deviation in flat blocks over the original's in the same blocks.
    """

    overshoot: float | None
    overshoot_99: float | None
    noise_gain: float | None


def artefacts(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> Artefacts:
    """Halos and noise of an enhanced picture.

    Overshoot of a pixel is how far its Y lies outside the range of the original's Y over 7x7 pixels around
    it: an edge that only becomes steeper has none. It is measured within 3 pixels of an edge, where Y of the
    original spans 32 codes or more over 3x3 pixels. Noise is measured over blocks of 8x8 whose standard
    deviation in the original is 0.25 to 2 codes: the root of the mean variance, picture over original.

    Args:
        picture: (H, W, 3) uint8.
        original: The same shape.

    Raises:
        DataError: Two shapes or another dtype.

    >>> step = np.zeros((16, 16, 3), np.uint8); step[:, :8] = 60; step[:, 8:] = 160
    >>> halo = step.copy(); halo[:, 8] = 170
    >>> artefacts(step, step).overshoot, round(artefacts(halo, step).overshoot_99, 2)
    (0.0, 8.59)
    """
    from scipy.ndimage import maximum_filter, minimum_filter  # here: PSNR alone must not wait for SciPy

    picture, original = compared(picture, original, 0, smallest=1)
    y, before = luma_y(picture), luma_y(original)  # (H, W)
    near = 2 * REACH + 1
    spans = maximum_filter(before, 3) - minimum_filter(before, 3) >= EDGE_RANGE
    edges = maximum_filter(spans, near)
    above = y - maximum_filter(before, near)
    below = minimum_filter(before, near) - y
    outside = np.maximum(np.maximum(above, below), 0)[edges]
    variance, variance_before = _block_variance(y), _block_variance(before)
    least, most = FLAT_DEVIATION
    flat = (variance_before >= least**2) & (variance_before <= most**2)
    return Artefacts(
        float(outside.mean()) if outside.size else None,
        float(np.percentile(outside, 99)) if outside.size else None,
        float(np.sqrt(variance[flat].sum() / variance_before[flat].sum())) if flat.any() else None,
    )


def error_gain(
    enhanced_damaged: NDArray[np.uint8],
    enhanced: NDArray[np.uint8],
    damaged: NDArray[np.uint8],
    original: NDArray[np.uint8],
) -> float | None:
    """By how much enhancement multiplies the error of a picture that has some, such as that of a compression.

    rms(f(d) - f(x)) / rms(d - x) over all pixels and colours, of an original x and its damaged version d: 1
    passes the error on, 0 removes it. None if the damaged picture is the original.

    Args:
        enhanced_damaged: f(d), (H, W, 3) uint8.
        enhanced: f(x), the same shape, and so are the next two.
        damaged: d.
        original: x.

    Raises:
        DataError: Two shapes or another dtype.

    >>> x = np.full((2, 2, 3), 100, np.uint8)
    >>> error_gain(x + 6, x + 2, x + 2, x), error_gain(x, x, x, x)
    (2.0, None)
    """
    after, before = compared(enhanced_damaged, enhanced, 0, 1), compared(damaged, original, 0, 1)
    compared(enhanced, original, 0, 1)
    errors = [float(np.mean(np.square(a.astype(np.float64) - b))) for a, b in (after, before)]
    return float(np.sqrt(errors[0] / errors[1])) if errors[1] else None


def _block_variance(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of each whole block of a plane (H, W)."""
    rows, columns = (side // FLAT_BLOCK for side in y.shape)
    whole = y[: rows * FLAT_BLOCK, : columns * FLAT_BLOCK]
    variance: NDArray[np.float64] = whole.reshape(rows, FLAT_BLOCK, columns, FLAT_BLOCK).var(axis=(1, 3))
    return variance
