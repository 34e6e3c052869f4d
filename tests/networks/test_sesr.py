"""SESR: what is trained wide is one convolution, and the three colours get one correction."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hwrts.errors import ConfigError
from hwrts.fixed_point import run
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.metrics import LUMA
from hwrts.networks import SESR
from hwrts.networks.sesr import WIDE
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.settings_file import parse_config
from hwrts.training.fit import Schedule, Training, fit


def test_a_linear_block_is_the_convolution_that_it_collapses_to():
    network = SESR(blocks=1, channels=6)
    x = torch.rand(2, 6, 9, 8)
    factors: Any = network.conv[0].parametrizations.weight
    hidden = F.conv2d(x, factors.original0, padding=1)  # (2, WIDE, 9, 8)
    assert hidden.shape[1] == WIDE
    drawn = x + F.conv2d(hidden, factors.original1[:, :, None, None])
    torch.testing.assert_close(network.conv[0](x), drawn, atol=1e-5, rtol=1e-5)  # float32 in another order
    graph = trace(network.eval())
    assert graph.node("conv_0").weight.shape == (6, 6, 3, 3)
    assert graph.node("conv_out").weight.shape == (12, 6, 3, 3)


@pytest.mark.parametrize("tied", [True, False])
def test_colours_get_the_same_codes_also_after_fine_tuning(tied):
    network = SESR(blocks=1, channels=6)
    x, target = torch.rand(4, 3, 12, 12), torch.rand(4, 3, 24, 24)
    fit(Training.start(network), network, lambda n: (x, target), Schedule(1e-2, 5), lambda n, v: None)
    graph = deploy_form(trace(network.eval()))
    quantised = QuantNetwork(graph, calibrate(graph, [x]))
    constrain = quantised.hold if tied else None
    fit(
        Training.start(quantised), quantised, lambda n: (x, target), Schedule(1e-2, 5), lambda n, v: None,
        constrain,
    )  # fmt: skip
    grey = np.random.default_rng(0).integers(0, 256, (12, 14, 1), dtype=np.uint8).repeat(3, 2)
    made = run(quantised.eval().lower(), grey)
    assert (np.ptp(made, axis=2).max() == 0) == tied
    assert np.ptp(made) > 0


def test_the_loss_of_luma_is_for_one_correction_of_all_colours():
    assert parse_config({"network": {"name": "sesr"}, "rts": {"loss": "luma"}}, "test").rts.loss == "luma"
    with pytest.raises(ConfigError, match="leave the colours of abpn untrained; use"):
        parse_config({"network": {"name": "abpn"}, "rts": {"loss": "luma"}}, "test")


def test_no_map_of_the_first_layer_starts_dead_or_sees_colour():
    """Half of them answered to the level and were 0 on every picture; dead maps stay dead."""
    network = SESR()
    flat = torch.full((1, 3, 9, 9), 0.7)
    assert network.conv_in(flat)[..., 1:-1, 1:-1].abs().max() < 1e-6  # 0 but for float32's sums
    texture = torch.rand(4, 1, 16, 16).expand(-1, 3, -1, -1)
    share = (network.conv_in(texture) > 0).float().mean((0, 2, 3))  # (C,)
    assert share.min() > 0.2
    weight = network.conv_in.weight
    torch.testing.assert_close(
        weight / torch.tensor(LUMA)[:, None, None], weight[:, :1].expand(-1, 3, -1, -1) / LUMA[0]
    )
