"""Builders that several test files share."""

from collections.abc import Callable, Iterator

import pytest
import torch

from hwrts.fixed_point import Network, Rounding
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork


@pytest.fixture(autouse=True)
def _torch_state() -> Iterator[None]:
    """Each test starts from the same generator and leaves torch's global switches as they were."""
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(
        1
    )  # the networks are too small to share out: threads would only wait for each other
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)


@pytest.fixture
def quantise() -> Callable[..., tuple[QuantNetwork, Network]]:
    """Makes a random Residual-N, quantised and lowered."""

    def make(
        blocks: int = 1,
        channels: int = 4,
        weight_bits: int = 8,
        activation_bits: int = 8,
        seed: int = 0,
        rounding: Rounding = Rounding.HALF_EVEN,
    ) -> tuple[QuantNetwork, Network]:
        print(f"seed {seed}")
        torch.manual_seed(seed)
        model = Residual(blocks, channels).eval()
        with torch.no_grad():
            model.conv_out.weight.mul_(100)  # a trained residual is not nearly zero
        graph = deploy_form(trace(model))
        formats = calibrate(graph, [torch.rand(2, 3, 16, 16)], activation_bits, rounding)
        quantised = QuantNetwork(graph, formats, weight_bits, rounding).eval()
        return quantised, quantised.lower()

    return make
