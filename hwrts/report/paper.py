"""The paper's figures, the one copy: *Image Enhancement by Recurrently-trained Super-resolution Network*."""

from types import MappingProxyType
from typing import NamedTuple

DIFFERENCE_PERCENT = (0.95, 1.35, 1.47, 1.48, 1.51, 1.55, 1.62, 1.76)
"""Table 1: difference of HR_n from HR0 for n = 1..8 (Residual-3, 64 channels, DIV2K).

The table's other column, the change from the stage before, is the difference of neighbours."""


CONTRACTION = "0.779 +- 0.098"
"""a of stage 1 over the validation pictures of DIV2K, in the text."""


class Quality(NamedTuple):
    """A row of Table 2: VIQET (Outdoor Day - Landscape), mean of the 100 validation pictures of DIV2K."""

    mos: float
    features: tuple[float, ...]
    """In the order of ``hwrts.metrics.viqet.UNITS``; the Flat Region Index is NaN throughout and left out."""


QUALITY = MappingProxyType(
    {
        "LR": Quality(3.645, (2.8, 52.6, 311.9, 96.3, 116.8, 107.7, 156.8, 101.0, 0.1, 0.4)),
        "HR0": Quality(3.825, (2.8, 56.6, 314.8, 108.7, 117.3, 107.8, 163.6, 101.0, 0.1, 0.4)),
        "HR1": Quality(3.962, (2.8, 82.7, 322.3, 150.7, 117.7, 107.8, 182.7, 101.3, 0.1, 0.4)),
        "HR2": Quality(4.028, (2.8, 92.5, 325.3, 167.8, 118.4, 108.0, 190.0, 101.2, 0.0, 0.4)),
        "HR3": Quality(4.057, (2.8, 94.3, 326.2, 171.8, 118.0, 107.8, 191.4, 101.2, 0.0, 0.4)),
        "HR4": Quality(4.050, (2.8, 93.1, 326.7, 171.4, 117.1, 107.2, 191.1, 101.3, 0.1, 0.4)),
        "HR5": Quality(4.048, (2.8, 92.1, 326.7, 170.5, 117.7, 107.6, 190.7, 101.3, 0.1, 0.4)),
        "HR6": Quality(4.038, (2.8, 89.5, 327.6, 168.1, 116.0, 107.8, 188.2, 101.1, 0.0, 0.4)),
        "HR7": Quality(4.030, (2.8, 87.9, 329.0, 166.9, 114.6, 107.3, 186.8, 101.1, 0.1, 0.4)),
        "HR8": Quality(4.030, (2.8, 87.3, 331.1, 166.1, 111.7, 106.1, 186.2, 101.2, 0.1, 0.4)),
    }
)
"""Table 2, and Fig. 6 plots it; LR is measured after being brought back to full size."""


class NetworkScores(NamedTuple):
    """A row of Table 3: parameters as written, and the mean MOS of 800 tiles for HR0, HR1, HR2, HR3."""

    parameters: str
    mos: tuple[float, float, float, float]


NETWORKS = MappingProxyType(
    {
        "Residual1": NetworkScores("41K", (2.384, 2.639, 2.701, 2.712)),
        "Residual3": NetworkScores("114K", (2.384, 2.637, 2.719, 2.720)),
        "Residual6": NetworkScores("225K", (2.384, 2.644, 2.725, 2.744)),
        "SRCNN": NetworkScores("57K", (2.384, 2.603, 2.680, 2.680)),
        "VDSR": NetworkScores("666K", (2.384, 2.599, 2.668, 2.669)),
        "SRResNet": NetworkScores("1.5M", (2.384, 2.617, 2.720, 2.703)),
        "EDSR": NetworkScores("1.7M", (2.384, 2.632, 2.725, 2.737)),
    }
)
"""Table 3; SRCNN's and VDSR's parameters are those of their luma-only forms."""
