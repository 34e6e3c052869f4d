"""The networks that hwrts trains, each an ordinary ``nn.Module`` as short as the paper's figure."""

from hwrts.networks.residual import Residual

__all__ = ["Residual"]
