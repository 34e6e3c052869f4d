"""The networks that hwrts trains, each an ordinary ``nn.Module`` as short as its paper's figure."""

from hwrts.networks.abpn import ABPN
from hwrts.networks.ecbsr import ECBSR
from hwrts.networks.edsr import EDSR
from hwrts.networks.espcn import ESPCN
from hwrts.networks.fsrcnn import FSRCNN
from hwrts.networks.imdn import IMDN
from hwrts.networks.quicksrnet import QuickSRNet
from hwrts.networks.residual import Residual
from hwrts.networks.rlfn import RLFN
from hwrts.networks.sesr import SESR
from hwrts.networks.span import SPAN
from hwrts.networks.srcnn import SRCNN
from hwrts.networks.srresnet import SRResNet
from hwrts.networks.unet import UNet
from hwrts.networks.upsample import FixedUpsample
from hwrts.networks.vdsr import VDSR
from hwrts.networks.xlsr import XLSR

__all__ = [
    "ABPN",
    "ECBSR",
    "EDSR",
    "ESPCN",
    "FSRCNN",
    "IMDN",
    "RLFN",
    "SESR",
    "SPAN",
    "SRCNN",
    "VDSR",
    "XLSR",
    "FixedUpsample",
    "QuickSRNet",
    "Residual",
    "SRResNet",
    "UNet",
]
