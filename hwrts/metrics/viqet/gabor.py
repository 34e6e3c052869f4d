"""Gabor filter banks of VIQET, and filtering by FFT.

All kernels are point-symmetric, K(-y, -x) = K(y, x): correlation equals convolution, and spectra are real.

Letters: H rows, W columns of a picture; Y, X the size of the transform; n the side of a kernel.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

_ORIENTATIONS = 4  # 0, 45, 90 and 135 degrees


class Spectrum:
    """A picture's transform, for one filtering after the other: float32, errors near 1e-5 codes.

    Args:
        picture: (H, W); outside it is zero.
        reach: Half the side of the largest kernel.
    """

    def __init__(self, picture: NDArray[np.floating], reach: int) -> None:
        self._size = picture.shape
        # One margin serves both ends, as the transform is periodic.
        self._padded = tuple(fft.next_fast_len(side + reach, real=True) for side in picture.shape)
        self._values = fft.rfft2(picture.astype(np.float32), s=self._padded)  # (Y, X/2 + 1)

    def filtered(self, kernel: NDArray[np.float64]) -> NDArray[np.float32]:
        """Correlation with a point-symmetric kernel (n, n), of the picture's size; zero outside."""
        transfer = _transfer(kernel, self._padded)
        y = fft.irfft2(self._values * transfer, s=self._padded, overwrite_x=True)  # (Y, X)
        response: NDArray[np.float32] = y[: self._size[0], : self._size[1]]
        return response


@functools.cache
def fine_bank() -> tuple[NDArray[np.float64], ...]:
    """Nine kernels, of sides 49 to 7, each the mean of four orientations (docs/viqet.md)."""
    kernels = []
    for k in range(1, 10):
        bandwidth = 0.5 * (1 - 2 ** (-0.1 * k))
        frequency = 0.25 * (1 + 2 ** (-0.1 * k))
        sigma = math.sqrt(math.log(2)) / (math.pi * bandwidth)
        kernels.append(np.mean([_kernel(frequency, sigma, o) for o in range(_ORIENTATIONS)], axis=0))
    return tuple(kernels)


@functools.cache
def coarse_bank() -> tuple[NDArray[np.float64], ...]:
    """Sixteen kernels, four scales 2**0.9 apart (sides 45, 25, 13, 7) times four orientations."""
    bandwidth = 0.5 * (1 - 2**-0.9)
    kernels = []
    for j in range(1, 5):
        stretch = 2 ** (0.9 * (4 - j))
        frequency = 0.25 * (1 + 2**-0.9) / stretch
        sigma = math.sqrt(math.log(2)) / (math.pi * bandwidth) * stretch
        kernels += [_kernel(frequency, sigma, o) for o in range(_ORIENTATIONS)]
    return tuple(kernels)


def reach_of(bank: tuple[NDArray[np.float64], ...]) -> int:
    """Half the side of a bank's largest kernel, in pixels."""
    return max(len(kernel) // 2 for kernel in bank)


def _kernel(frequency: float, sigma: float, orientation: int) -> NDArray[np.float64]:
    """Real part of exp(-(x^2 + y^2)/(2 sigma^2)) exp(2 pi i f u), without mean, of energy 1, to 5 digits."""
    n = round(3 * sigma)
    y, x = np.mgrid[-n : n + 1, -n : n + 1].astype(np.float64)
    u = (x, (x + y) / math.sqrt(2), y, (x - y) / math.sqrt(2))[orientation]
    h = np.exp(-(x**2 + y**2) / (2 * sigma**2)) * np.exp(2j * math.pi * frequency * u)
    h -= h.mean()
    h /= math.sqrt(float(np.sum(np.abs(h) ** 2)))
    # The tool ships its kernels as text of 5 significant digits.
    digits = [float(f"{value:.5g}") for value in h.real.ravel()]
    return np.array(digits).reshape(h.shape)


def _transfer(kernel: NDArray[np.float64], padded: tuple[int, ...]) -> NDArray[np.float32]:
    """Spectrum of a point-symmetric kernel, (Y, X/2 + 1) float32: sum K cos(2 pi (y f_y + x f_x)).

    As cos(a + b) = cos a cos b - sin a sin b these are two products of small matrices, faster than a
    transform of the zero-padded kernel.
    """
    offsets = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    fy = 2 * math.pi * np.outer(np.arange(padded[0]) / padded[0], offsets)  # (Y, n)
    fx = 2 * math.pi * np.outer(np.arange(padded[1] // 2 + 1) / padded[1], offsets)  # (X/2 + 1, n)
    left = np.hstack([np.cos(fy) @ kernel, -np.sin(fy) @ kernel]).astype(np.float32)  # (Y, 2n)
    right = np.hstack([np.cos(fx), np.sin(fx)]).astype(np.float32)  # (X/2 + 1, 2n)
    return left @ right.T
