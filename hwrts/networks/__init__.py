"""The networks that hwrts trains, each an ordinary ``nn.Module`` as short as the paper's figure."""

from hwrts.networks.residual import Residual
from hwrts.networks.upsample import FixedUpsample

__all__ = ["FixedUpsample", "Residual"]
