from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from hwrts.config import NetworkConfig
from hwrts.fixed_point import PIXEL, Format
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.networks.build import build_network
from hwrts.qat.network import QuantNetwork
from hwrts.qat.range_penalty import CORRECTION, HEADROOM, WEIGHT, RangePenalty
from hwrts.training.fit import Schedule, Training, fit


def test_by_hand():
    """An identity with limit 1/4: 0.5 exceeds 0.85/4 by 0.2875, -0.25 by 0.0375, 0.2 by nothing."""
    module = nn.Identity()
    with RangePenalty({module: Format(True, 8, 9)}) as penalty:
        module(torch.tensor([0.5, -0.25, 0.2, 0.0]))
        assert penalty().item() == pytest.approx(WEIGHT * (0.2875**2 + 0.0375**2) / 4, rel=1e-6)
    assert HEADROOM == 0.85


def test_penalties_of_several_modules_add_up_and_none_is_zero():
    first, second = nn.Identity(), nn.Identity()
    with RangePenalty({first: CORRECTION, second: CORRECTION}) as penalty:
        first(torch.full((3,), 0.6))
        alone = RangePenalty({})().item()
        second(torch.full((5,), -0.6))
        assert penalty().item() == pytest.approx(2 * (0.6 - 0.425) ** 2, rel=1e-5)
    assert alone == 0.0


def test_the_last_forward_counts_and_the_gradient_points_inward():
    module = nn.Conv2d(1, 1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(2.0)
    with RangePenalty({module: CORRECTION}) as penalty:
        module(torch.ones(1, 1, 2, 2))
        module(torch.full((1, 1, 2, 2), 0.1))
        assert penalty().item() == 0.0
        module(torch.ones(1, 1, 2, 2))
        penalty().backward()
    assert module.weight.grad is not None
    assert float(module.weight.grad) > 0  # descent makes the weight smaller


def test_nothing_is_watched_after_the_block():
    module = nn.Identity()
    with RangePenalty({module: CORRECTION}):
        pass
    assert not module._forward_hooks


def _same(batch, step):
    return batch


@pytest.mark.parametrize("quantised", [False, True])
def test_training_with_it_brings_a_residual_back_into_range(quantised):
    """Without the penalty the quantiser's zero gradient leaves clipped values where they are."""
    outside = {}
    for watched in (True, False):
        torch.manual_seed(3)
        network = Residual(0, 4)
        with torch.no_grad():
            network.conv_out.bias.fill_(0.7)
            network.conv_ext.bias.fill_(-0.7)  # undoes it, so that the picture is right
        x = torch.rand(4, 3, 8, 8) / 2
        target = network(x).detach()
        model: Any = QuantNetwork(*_formats(network)) if quantised else network
        residual = model.convs["conv_out"] if quantised else network.conv_out
        formats = model.signed_convs() if quantised else {residual: CORRECTION}
        with RangePenalty(formats) as penalty:
            fit(
                Training.start(model),
                model,
                partial(_same, (x, target)),
                Schedule(1e-2, 60),
                lambda done, loss: None,
                penalty=penalty if watched else None,
            )
            model(x)
            outside[watched] = penalty().item()
    assert outside[True] < 1e-3 < outside[False]


def _formats(network):
    graph = deploy_form(trace(network.eval()))
    formats = {node.name: CORRECTION for node in graph.quantised_nodes()}
    return graph, formats | {"x": PIXEL, "conv_in": PIXEL, "picture": PIXEL}


@pytest.mark.parametrize(
    ("name", "watched"), [("edsr", ["conv_out"]), ("fsrcnn", []), ("ecbsr", ["conv_out"]), ("imdn", [])]
)
def test_hidden_sums_that_may_hold_the_picture_are_left(name, watched):
    """The last kernel makes a correction, if there is one; white in a sum of +-1 would be pulled down."""
    settings = NetworkConfig.model_validate({"name": name, "blocks": 1, "channels": 8})
    graph = deploy_form(trace(build_network(settings).eval()))
    pictures = graph.picture_formats(graph.pixel_ends())
    formats = {node.name: Format(True, 8, 7) for node in graph.quantised_nodes()} | pictures
    network = QuantNetwork(graph, formats | dict.fromkeys(watched, CORRECTION))
    assert list(network.signed_convs()) == [network.answers[each] for each in watched]
