"""From raw features to the displayed values and the mean opinion score (MOS) of VIQET v1."""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.metrics.viqet.features import RawFeatures, raw_features

UNITS = {
    "Resolution": "MP",
    "Multi-scale Edge Acutance": "",
    "Noise Signature Index": "",
    "Multi-scale Texture Acutance": "",
    "Saturation": "",
    "Color Warmth": "",
    "Illumination": "",
    "Dynamic Range": "",
    "Over Exposed": "%",
    "Under Exposed": "%",
}
"""The displayed features in VIQET's order, with their units; without one, 100 is the tool's reference."""

_LOWEST, _HIGHEST = 1.0, 4.5  # of the MOS that the tool shows

# A displayed value is 100 when the raw one is the tool's reference value.
_ACUTANCE_100, _ACUTANCE_UNIT = 67.5, 1e4
_NOISE_100 = 0.306
_TEXTURE_100 = 3.83
_SATURATION_100 = 75.0
_WARMTH_100 = 14586.0
_ILLUMINATION_100 = 18.2
_DIVERGENCE_100 = 0.58

_BANDS = 6  # of each of the four statistics of the texture table


@dataclass(frozen=True)
class Score:
    """VIQET v1 of one picture.

    The MOS that the tool shows is clipped to 1..4.5, which hides every difference below and above; small
    pictures are often below. Compare pictures by the raw values.
    """

    mos_raw: float
    """Category "Outdoor Day - Landscape" (the tool's indoor categories use the same weights), not clipped."""
    mos_raw_night: float
    """Category "Outdoor Night - Landmark", not clipped."""
    features: dict[str, float]
    """Displayed features by the names in UNITS."""

    @property
    def mos(self) -> float:
        """What the tool shows for Outdoor Day: the raw value clipped to 1..4.5."""
        return min(max(self.mos_raw, _LOWEST), _HIGHEST)

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return {
            "mos_raw": self.mos_raw,
            "mos": self.mos,
            "mos_raw_night": self.mos_raw_night,
            "features": dict(self.features),
        }


def score(pixels: NDArray[np.uint8]) -> Score:
    """Score a picture as VIQET v1 does (docs/viqet.md); about two seconds on one core at any size.

    The Flat Region Index is left out: its model may not be shipped, and no MOS depends on it.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    Raises:
        DataError: Another shape or dtype, or a picture too elongated to have a block to measure (beyond 17:1,
            or 1:11).
    """
    raw = raw_features(pixels)
    x = np.log1p(model_vector(raw))
    mos = {name: float(x @ weights - rho) for name, (weights, rho) in _weights().items()}
    return Score(mos["generic"], mos["night"], displayed(raw))


def displayed(raw: RawFeatures) -> dict[str, float]:
    """The values that the tool shows, by the names in UNITS."""
    uniform = math.log(256)
    values = (
        raw.megapixels,
        float(np.prod(raw.acutance ** (1 / 9))) / _ACUTANCE_UNIT * 100 / _ACUTANCE_100,  # geometric mean
        raw.noise[0] * 100 / _NOISE_100,
        float(np.mean(raw.texture[19:24])) * 100 / _TEXTURE_100,
        raw.saturation * 100 / _SATURATION_100,
        raw.warmth * 100 / _WARMTH_100,
        raw.contrast * raw.exposure * 100 / _ILLUMINATION_100,
        (uniform - raw.divergence) * 100 / (uniform - _DIVERGENCE_100),
        raw.over,
        raw.under,
    )
    return dict(zip(UNITS, values, strict=True))


def model_vector(raw: RawFeatures) -> NDArray[np.float64]:
    """The 61 inputs F of the model before ln(1 + F), in the order of the weights."""
    calm = math.exp(raw.noise[0])
    return np.array(
        [
            raw.noise[0],
            raw.grain,
            raw.divergence,
            raw.exposure * raw.contrast,
            raw.edge_strength,
            raw.edge_count,
            *raw.acutance,
            raw.warmth,
            raw.saturation,
            raw.over,
            raw.under,
            raw.noise[1],
            *raw.texture,
            *(raw.acutance / calm),
            *_band_ratios(raw.texture),
        ]
    )


def _band_ratios(table: NDArray[np.float64]) -> list[float]:
    """R1..R8: of magnitude, variance, rho and shape, band 1 and the middle ones against the others."""
    ratios = []
    for o in (18, 12, 6, 0):
        middle = float(np.mean(table[o + 1 : o + 5]))
        highest = float(table[o + _BANDS - 1])
        # A slip of the original, with which its weights were fitted: band 5 of the shapes stands for band 6.
        beside = float(table[4]) if o == 0 else highest
        ratios += [float(table[o]) / (1 + 0.5 * (middle + beside)), middle / (1 + highest)]
    return ratios


@functools.cache
def _weights() -> dict[str, tuple[NDArray[np.float64], float]]:
    document = json.loads((Path(__file__).parent / "weights.json").read_text("utf-8"))
    return {name: (np.array(entry["weights"]), entry["rho"]) for name, entry in document["models"].items()}
