"""Measures of pictures: PSNR, and the paper's image difference ratio."""

import numpy as np
from numpy.typing import NDArray


def psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two pictures in dB over all RGB codes; infinite for equal pictures.

    Args:
        a: Codes (H, W, 3), uint8.
        b: Codes of the same shape.

    >>> round(psnr_db(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)), 2)
    48.13
    """
    squared = float(np.mean(np.square(a.astype(np.float32) - b), dtype=np.float64))
    return 10 * float(np.log10(255.0**2 / squared)) if squared else float("inf")


def loss_psnr_db(loss: float) -> float:
    """PSNR of a training loss in dB: mean squared error in (code / 256)**2, against a peak of 255 codes.

    >>> round(loss_psnr_db((1 / 256) ** 2), 2)
    48.13
    """
    return 10 * float(np.log10((255 / 256) ** 2 / max(loss, 1e-12)))  # 1e-12: a loss of 0 has no logarithm


def image_difference_percent(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean absolute difference from the original in percent, the paper's image difference ratio (Table 1).

    Returns:
        Normalised by full scale (255), which fits the paper's Table 1, and by the original's mean
        brightness, which is what the paper's text says.

    >>> image_difference_percent(np.full((1, 1, 3), 105, np.uint8), np.full((1, 1, 3), 100, np.uint8))[1]
    5.0
    """
    absolute = float(np.mean(np.abs(picture.astype(np.int16) - original)))
    brightness = float(np.mean(original))
    return 100 * absolute / 255, 100 * absolute / max(brightness, 1 / 255)
