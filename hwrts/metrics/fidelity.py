"""How near a picture is to a reference: PSNR, SSIM, and the paper's image difference ratio.

Letters: H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import DataError
from hwrts.fixed_point import PIXEL

_PEAK = 255.0  # also of Y, whose codes end at 235: every published figure is computed so

LARGEST_DB = 99.0
"""The largest PSNR: of equal pictures, whose infinite one no mean and no JSON can hold, and of all that comes
near (one code of a 4K picture by 1 is 122 dB, and nothing that a mean should be made of)."""

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""What red, green and blue give to Y of BT.601, which goes from 16 to 235."""

# Wang et al. 2004, as SR papers report it: an 11x11 Gaussian window of sigma 1.5 (scikit-image cuts it at 3.5
# sigma), population covariances.
_SSIM_SIGMA = 1.5
_SSIM_WINDOW = 11


def psnr_db(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    *,
    shave: int = 0,
    luma: bool = False,
    full_range: bool = False,
) -> float:
    """Peak signal-to-noise ratio of two pictures in dB, peak 255; 99 for equal pictures.

    Papers on super-resolution report x2 figures as ``psnr_db(a, b, shave=2, luma=True)``.

    Args:
        a: Codes (H, W, 3), uint8.
        b: Codes of the same shape.
        shave: Pixels left out at each border; by custom the scale.
        luma: Measure on Y (`luma_y`) instead of all RGB codes.
        full_range: With ``luma``, of Y.

    Raises:
        DataError: Two shapes, another dtype, or nothing left after shaving.

    >>> round(psnr_db(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)), 2)
    48.13
    """
    a, b = compared(a, b, shave, smallest=1)
    if luma:
        squared = float(np.mean(np.square(luma_y(a, full_range) - luma_y(b, full_range))))
    else:
        squared = float(np.mean(np.square(a.astype(np.float32) - b), dtype=np.float64))
    return error_db(squared)


def error_db(squared: float) -> float:
    """PSNR in dB of a mean squared error in codes**2, peak 255; at most 99 (LARGEST_DB).

    >>> round(error_db(1.0), 2), error_db(0.0)
    (48.13, 99.0)
    """
    return min(10 * float(np.log10(_PEAK**2 / squared)), LARGEST_DB) if squared else LARGEST_DB


def ssim(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    *,
    shave: int = 0,
    luma: bool = False,
    full_range: bool = False,
) -> float:
    """Structural similarity of two pictures, -1..1, 1 for equal ones; scikit-image computes it.

    Gaussian window 11x11 of sigma 1.5, range 255; windows that reach over the border do not count. On RGB the
    mean of the three channels.

    Args:
        a: Codes (H, W, 3), uint8.
        b: Codes of the same shape.
        shave: Pixels left out at each border; by custom the scale.
        luma: Measure on Y (`luma_y`) instead of the RGB channels.
        full_range: With ``luma``, of Y.

    Raises:
        DataError: Two shapes, another dtype, or fewer than 11 rows or columns after shaving.
    """
    from skimage.metrics import structural_similarity  # here: PSNR alone must not wait for scikit-image

    a, b = compared(a, b, shave, smallest=_SSIM_WINDOW)
    x, y = (luma_y(each, full_range) if luma else each.astype(np.float64) for each in (a, b))
    value = structural_similarity(
        x,
        y,
        data_range=_PEAK,
        channel_axis=None if luma else 2,
        gaussian_weights=True,
        sigma=_SSIM_SIGMA,
        use_sample_covariance=False,
    )
    return float(value)


def luma_y(pixels: NDArray[np.uint8], full_range: bool = False) -> NDArray[np.float64]:
    """Y of BT.601 in studio range, 16 + (65.481 R + 128.553 G + 24.966 B)/255, not rounded.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        full_range: (Y - 16) 255/219 in place of Y: of a grey picture its own codes, on which papers measure
            a picture of one channel.

    Returns:
        (H, W) float64, 16..235, or 0..255 with ``full_range``.

    >>> luma_y(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).tolist()
    [[16.0, 235.0]]
    """
    above_black: NDArray[np.float64] = pixels @ np.array(LUMA)
    return above_black * (255 / 219) if full_range else 16 + above_black


_WHITE = PIXEL.max * 2.0**-PIXEL.frac
"""The largest value of a pixel."""


def loss_psnr_db(loss: float) -> float:
    """PSNR of a training loss in dB: mean squared error in (code / 256)**2, against a peak of 255 codes.

    >>> round(loss_psnr_db((1 / 256) ** 2), 2)
    48.13
    """
    return 10 * float(np.log10(_WHITE**2 / max(loss, 1e-12)))  # 1e-12: a loss of 0 has no logarithm


def image_difference_percent(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean absolute difference from the original in percent, the paper's image difference ratio (Table 1).

    Returns:
        Normalised by full scale (255), which fits the paper's Table 1, and by the original's mean
        brightness, which is what the paper's text says.

    Raises:
        DataError: Two shapes or another dtype.

    >>> image_difference_percent(np.full((1, 1, 3), 105, np.uint8), np.full((1, 1, 3), 100, np.uint8))[1]
    5.0
    """
    picture, original = compared(picture, original, 0, smallest=1)
    absolute = float(np.mean(np.abs(picture.astype(np.int16) - original)))
    brightness = float(np.mean(original))
    return 100 * absolute / 255, 100 * absolute / max(brightness, 1 / 255)


def compared(
    a: NDArray[np.uint8], b: NDArray[np.uint8], shave: int, smallest: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both pictures without their border; broadcasting must never compare a row with a picture."""
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise DataError(
            f"pictures to compare are {a.dtype} {a.shape} and {b.dtype} {b.shape}; "
            "give two uint8 (height, width, 3)"
        )
    height, width = a.shape[:2]
    if shave < 0 or min(height, width) - 2 * shave < smallest:
        raise DataError(
            f"a picture of {width}x{height} with {shave} pixels shaved at each border can't be compared: "
            f"at least {smallest}x{smallest} must be left"
        )
    inside = slice(shave, height - shave), slice(shave, width - shave)
    return a[inside], b[inside]
