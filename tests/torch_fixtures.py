"""What the fixtures of conftest.py make with torch."""

import torch

from hwrts.fixed_point import Network, Rounding
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork


def quantise(
    blocks: int = 1,
    channels: int = 4,
    weight_bits: int = 8,
    activation_bits: int = 8,
    seed: int = 0,
    rounding: Rounding = Rounding.HALF_EVEN,
) -> tuple[QuantNetwork, Network]:
    """A random Residual-N, quantised and lowered."""
    print(f"seed {seed}")
    torch.manual_seed(seed)
    model = Residual(blocks, channels).eval()
    with torch.no_grad():
        model.conv_out.weight.mul_(100)  # a trained residual is not nearly zero
    graph = deploy_form(trace(model))
    formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], activation_bits, rounding)
    quantised = QuantNetwork(graph, formats, weight_bits, rounding).eval()
    return quantised, quantised.lower()
