"""Measures of pictures: against a reference here, without one in ``hwrts.metrics.viqet``."""

from hwrts.metrics.against_float import against_float
from hwrts.metrics.artefacts import Artefacts, artefacts, error_gain
from hwrts.metrics.contraction import Spread, contraction, spread
from hwrts.metrics.fidelity import (
    LUMA,
    error_db,
    image_difference_percent,
    loss_psnr_db,
    luma_y,
    psnr_db,
    ssim,
)
from hwrts.metrics.flicker import Flicker, flicker
from hwrts.metrics.patterns import pattern_figures, pattern_pictures

__all__ = [
    "LUMA",
    "Artefacts",
    "Flicker",
    "Spread",
    "against_float",
    "artefacts",
    "contraction",
    "error_db",
    "error_gain",
    "flicker",
    "image_difference_percent",
    "loss_psnr_db",
    "luma_y",
    "pattern_figures",
    "pattern_pictures",
    "psnr_db",
    "spread",
    "ssim",
]
