"""All raw features of one picture, from intermediates that they share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import DataError
from hwrts.metrics.viqet import noise, texture
from hwrts.metrics.viqet.edges import edge_acutance, edge_count_and_strength
from hwrts.metrics.viqet.grain import grain
from hwrts.metrics.viqet.resize import grey, resize, working_size
from hwrts.metrics.viqet.simple import (
    contrast_and_exposure,
    divergence_from_uniform,
    over_and_under_exposed,
    saturation,
)
from hwrts.metrics.viqet.warmth import color_warmth


@dataclass(frozen=True)
class RawFeatures:
    """What is measured before any scaling; docs/viqet.md says how."""

    megapixels: float
    """Of the original picture, in 1e6 pixels."""
    contrast: float
    """0..1."""
    exposure: float
    """Codes, 0..255."""
    saturation: float
    """Codes, 0..255."""
    divergence: float
    """Of the histogram from a uniform one, 0..ln 256."""
    warmth: float
    """Kelvin, 1000..40000."""
    over: float
    """Percent, 0..100."""
    under: float
    """Percent, 0..100."""
    grain: float
    """Ratio, 0 or more."""
    edge_count: float
    """Pixels."""
    edge_strength: float
    """Codes summed over the edge pixels."""
    acutance: NDArray[np.float64]
    """(9,) codes summed over the edge pixels, coarse to fine."""
    texture: NDArray[np.float64]
    """(24,) shape, rho, variance and magnitude of DCT coefficients, six bands each from low to high."""
    noise: tuple[float, float]
    """Roughness of the calmest blocks (0..1.8), and their high-frequency DCT magnitude, in codes."""


def has_score(h: int, w: int) -> bool:
    """Whether h rows and w columns can be scored: not if they are so elongated that no block fits."""
    return int(noise.SHRINK * min(working_size(h, w))) >= noise.BLOCK


def raw_features(pixels: NDArray[np.uint8]) -> RawFeatures:
    """Measure a picture.

    Args:
        pixels: (h, w, 3) uint8, RGB.

    Raises:
        DataError: Another shape or dtype, or a picture so elongated that no block of it can be measured.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise DataError(f"a picture to score is {pixels.dtype} {pixels.shape}; give uint8 (height, width, 3)")
    h, w = pixels.shape[:2]
    height, width = working_size(h, w)
    if not has_score(h, w):
        raise DataError(
            f"a picture of {w}x{h} is too elongated to score: scaled to {width}x{height} it has no whole "
            f"block of {noise.BLOCK}x{noise.BLOCK} pixels at three quarters of the size; cut it into pieces"
        )
    planes = resize(np.ascontiguousarray(pixels.transpose(2, 0, 1)), height, width)  # (3, H, W)
    g = grey(planes)  # (H, W)
    contrast, exposure = contrast_and_exposure(g)
    over, under = over_and_under_exposed(g)
    edge_count, edge_strength = edge_count_and_strength(g)
    return RawFeatures(
        megapixels=h * w / 1e6,
        contrast=contrast,
        exposure=exposure,
        saturation=saturation(planes),
        divergence=divergence_from_uniform(g),
        warmth=color_warmth(planes),
        over=over,
        under=under,
        grain=grain(planes, g),
        edge_count=edge_count,
        edge_strength=edge_strength,
        acutance=edge_acutance(g),
        texture=texture.texture_table(g),
        noise=noise.noise_signature(planes),
    )
