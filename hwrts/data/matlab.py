"""Resizing as MATLAB's imresize does it, the kernel behind every published figure of super-resolution.

The weights are those of :mod:`hwrts.data.degrade` (Keys' bicubic with a = -1/2, stretched against aliases,
half-pixel centres). What differs is beyond the border: MATLAB mirrors the picture (1234 is read as
21|1234|43), where Pillow leaves the weights out. In float throughout, rounded once.
"""

import numpy as np
from numpy.typing import NDArray

from hwrts.data.degrade import Kernel, check_divisible, downscale, to_codes, upscale

_REACH = 4
"""Pixels that are mirrored, of the smaller picture: lanczos reaches 3 and half of one."""


def shrink(pixels: NDArray[np.uint8], factor: int, kernel: Kernel = "bicubic") -> NDArray[np.uint8]:
    """The LR picture of an original, ``imresize(pixels, 1/factor)``: antialiased, clipped, rounded to codes.

    Args:
        pixels: (H, W, 3) uint8; H and W are multiples of the factor (:func:`crop`).
        factor: F, 1 or more.
        kernel: What the weights are made of.

    Returns:
        (H/F, W/F, 3) uint8.

    Raises:
        DataError: Another shape or dtype, or a size that the factor does not divide.

    >>> row = np.repeat(np.array([[0, 0, 0, 0, 0, 0, 90, 200]], np.uint8)[..., None], 3, 2)
    >>> shrink(np.repeat(row, 2, 0), 2)[0, :, 0].tolist()
    [0, 0, 1, 145]
    """
    check_divisible(pixels, factor)
    margin = _REACH * factor
    return to_codes(downscale(_mirrored(pixels, margin), factor, kernel)[_REACH:-_REACH, _REACH:-_REACH])


def enlarge(pixels: NDArray[np.uint8], factor: int, kernel: Kernel = "bicubic") -> NDArray[np.uint8]:
    """``imresize(pixels, factor)``: interpolated, clipped, rounded to codes; what a network must beat.

    Args:
        pixels: (H, W, 3) uint8.
        factor: F, 1 or more.
        kernel: What the weights are made of.

    Returns:
        (FH, FW, 3) uint8.

    Raises:
        DataError: Another shape or dtype.
    """
    margin = _REACH * factor
    return to_codes(upscale(_mirrored(pixels, _REACH), factor, kernel)[margin:-margin, margin:-margin])


def crop(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The top left part of a picture whose sides the factor divides, as papers crop their originals."""
    height, width = (size // factor * factor for size in pixels.shape[:2])
    return pixels[:height, :width]  # (H - H % F, W - W % F, 3)


def _mirrored(pixels: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    return np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
