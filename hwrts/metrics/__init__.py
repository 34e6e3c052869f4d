"""Measures of pictures: against a reference here, without one in ``hwrts.metrics.viqet``."""

from hwrts.metrics.artefacts import Artefacts, artefacts
from hwrts.metrics.contraction import Spread, contraction, spread
from hwrts.metrics.fidelity import image_difference_percent, loss_psnr_db, luma_y, psnr_db, ssim

__all__ = [
    "Artefacts",
    "Spread",
    "artefacts",
    "contraction",
    "image_difference_percent",
    "loss_psnr_db",
    "luma_y",
    "psnr_db",
    "spread",
    "ssim",
]
