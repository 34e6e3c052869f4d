"""The one place where the name of a network in the settings becomes a module."""

from torch import nn

from hwrts.config import NetworkConfig
from hwrts.networks.abpn import ABPN
from hwrts.networks.ecbsr import ECBSR
from hwrts.networks.edsr import EDSR
from hwrts.networks.espcn import ESPCN
from hwrts.networks.fsrcnn import FSRCNN
from hwrts.networks.imdn import IMDN
from hwrts.networks.narrow import narrowed
from hwrts.networks.quicksrnet import QuickSRNet
from hwrts.networks.residual import Residual
from hwrts.networks.rlfn import RLFN
from hwrts.networks.sesr import SESR
from hwrts.networks.span import SPAN
from hwrts.networks.srcnn import SRCNN
from hwrts.networks.srresnet import SRResNet
from hwrts.networks.start import PICTURE
from hwrts.networks.unet import UNet
from hwrts.networks.vdsr import VDSR
from hwrts.networks.xlsr import XLSR


def build_network(network: NetworkConfig) -> nn.Module:
    """The float x2 network of a run, initialised, its convolutions padding as the settings say.

    Raises:
        ConfigError: A width of a group that the network does not have, or cannot have.
    """
    made = _built(network)
    if network.widths:
        made = narrowed(made, network.widths, planes_of(network))
    for part in made.modules():
        if isinstance(part, nn.Conv2d):
            part.padding_mode = "replicate" if network.padding == "replicate" else "zeros"
    return made


def planes_of(network: NetworkConfig) -> int:
    """Channels of the picture that it sees."""
    return PICTURE if network.luma is None else 1


def _built(network: NetworkConfig) -> nn.Module:
    channels, planes = network.channels, planes_of(network)
    if network.blocks is None:  # the settings allow this for those of three layers only
        three_layers: dict[str, type[nn.Module]] = {"espcn": ESPCN, "srcnn": SRCNN}
        return three_layers[network.name](channels, planes=planes)
    if network.name == "residual":
        return Residual(network.blocks, channels, keeps=network.keeps, planes=planes)
    wide: dict[str, type[nn.Module]] = {"sesr": SESR, "ecbsr": ECBSR}  # by their papers; others by widen()
    if network.name in wide:
        return wide[network.name](network.blocks, channels, planes=planes, expand=network.expand)
    kinds: dict[str, type[nn.Module]] = {
        "vdsr": VDSR,
        "srresnet": SRResNet,
        "edsr": EDSR,
        "abpn": ABPN,
        "quicksrnet": QuickSRNet,
        "imdn": IMDN,
        "rlfn": RLFN,
        "span": SPAN,
        "xlsr": XLSR,
        "fsrcnn": FSRCNN,
        "unet": UNet,
    }
    made: nn.Module = kinds[network.name](network.blocks, channels, planes=planes)
    return made
