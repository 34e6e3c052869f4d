"""The networks that hwrts trains, each an ordinary ``nn.Module`` as short as its paper's figure."""

from hwrts.networks.abpn import ABPN
from hwrts.networks.edsr import EDSR
from hwrts.networks.quicksrnet import QuickSRNet
from hwrts.networks.residual import Residual
from hwrts.networks.sesr import SESR
from hwrts.networks.srcnn import SRCNN
from hwrts.networks.srresnet import SRResNet
from hwrts.networks.upsample import FixedUpsample
from hwrts.networks.vdsr import VDSR

__all__ = ["ABPN", "EDSR", "SESR", "SRCNN", "VDSR", "FixedUpsample", "QuickSRNet", "Residual", "SRResNet"]
