"""What networks are compared with: repeated unsharp masking, bicubic and Lanczos up-scaling.

Letters: H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from hwrts.data import to_codes, upscale_by_2
from hwrts.errors import DataError

AMOUNT = 0.25
"""k of the mask. The paper names none. On photographs of 2K, three masks with 1/4 differ from the original by
as much as HR3; with 1 the first one is as strong as HR1, but the eighth one is off by 30 %."""

_BINOMIAL = (0.25, 0.5, 0.25)  # the smallest low-pass that is 0 at half the sampling rate, nearly a Gaussian


def usm(pixels: NDArray[np.uint8], amount: float = AMOUNT) -> NDArray[np.uint8]:
    """Unsharp masking: out = codes(x + k (x - B x)), B the 3x3 binomial [1 2 1]^T [1 2 1] / 16.

    R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th edition, eqs. 3-64 and 3-65, where k = 1 is
    unsharp masking and k > 1 highboost filtering. Each colour by itself; border pixels are repeated outwards.

    Args:
        pixels: (H, W, 3) uint8.
        amount: k, above 0.

    >>> x = np.zeros((3, 3, 3), np.uint8)
    >>> x[1, 1] = 160
    >>> usm(x, 1.0)[1, 1].tolist()  # 160 + (160 - 40)
    [255, 255, 255]
    """
    x = pixels.astype(np.float64)  # (H, W, 3)
    blurred = x
    for axis in (0, 1):
        blurred = convolve1d(blurred, _BINOMIAL, axis=axis, mode="nearest")
    return to_codes(x + amount * (x - blurred))


def repeated_usm(
    pixels: NDArray[np.uint8], times: int, amount: float = AMOUNT
) -> tuple[NDArray[np.uint8], ...]:
    """The picture after 1, 2, ... ``times`` masks, each applied to the codes of the one before (Fig. 4).

    Raises:
        DataError: No repetition at all, or an amount that does not sharpen.
    """
    if times < 1 or not amount > 0:
        raise DataError(f"USM {times} times with amount {amount}: give 1 or more times, and more than 0")
    masked = [usm(pixels, amount)]
    while len(masked) < times:
        masked.append(usm(masked[-1], amount))
    return tuple(masked)


def bicubic(lr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """LR (H, W, 3) at full size (2H, 2W, 3) by cubic convolution of a = -1/2.

    R. G. Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981:
    w(t) = 1.5|t|^3 - 2.5|t|^2 + 1 up to 1, -0.5|t|^3 + 2.5|t|^2 - 4|t| + 2 up to 2, else 0.
    """
    return to_codes(upscale_by_2(lr, "bicubic"))


def lanczos(lr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """LR (H, W, 3) at full size (2H, 2W, 3) by a Lanczos window of three lobes, normalised to sum 1.

    C. E. Duchon, Lanczos Filtering in One and Two Dimensions, 1979:
    w(t) = sinc(t) sinc(t / 3) up to 3, else 0.
    """
    return to_codes(upscale_by_2(lr, "lanczos"))
