"""Weights of few bits: grids of least squared error, and rest on a code as the training ends."""

import copy
import json

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.graph import Conv
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.qat.fused import Fused
from hwrts.qat.network import QuantNetwork
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised, start_qat
from hwrts.training.checkpoint import load_training, load_weights, save_training, save_weights
from hwrts.training.fit import Schedule, Training, fit

from .test_fitted import chain


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.rand(2, 3, 12, 12, generator=generator)
    return x, x


def off_codes(quantised: QuantNetwork) -> float:
    """The farthest that a weight is from its code, in LSB."""
    convs = [quantised.part(node) for node in quantised.graph.of(Conv)]
    with torch.no_grad():
        quantised_weights = [conv.quant_weight() for conv in convs]
        return max(
            float(((conv.weight - made.value) / made.scale).abs().max())
            for conv, made in zip(convs, quantised_weights, strict=True)
        )


def trained(
    quantised: QuantNetwork, steps: int, training: Training | None = None, until: int = 0
) -> Training:
    training = training or Training.start(quantised)
    stop = Schedule(3e-3, until or steps)

    class Part(Schedule):
        def rate(self, step: int) -> float:
            return Schedule(3e-3, steps).rate(step)

    part = Part(stop.peak, stop.steps)
    fit(training, Fused(quantised), batch, part, lambda *_: None, quantised.holding(training, steps))
    return training


@pytest.mark.parametrize("signed", [False, True])
def test_weights_come_to_rest_as_the_training_ends(signed):
    torch.manual_seed(0)
    still, free = (chain(signed=signed, weight_bits=4, settle=settle) for settle in (True, False))
    before = still.lower()
    assert off_codes(still) > 0.4  # the training decides which of two codes it is
    trained(still, 120)
    assert off_codes(still) < 0.1
    changed = [
        float((one.weight_i8 != other.weight_i8).mean())
        for one, other in zip(before.convs, still.lower().convs, strict=True)
    ]
    assert max(changed) > 0.02  # and it did
    trained(free, 120)
    assert off_codes(free) > 0.2


def test_grids_are_those_of_least_squared_error():
    quantised = chain(signed=False, weight_bits=3, settle=True)
    node = quantised.graph.of(Conv)[1]
    conv = quantised.part(node)
    scale = conv.quant_weight().scale.detach().reshape(-1)
    for channel, weight in enumerate(node.weight):
        errors = {
            lsb: float(((weight / lsb).round().clamp(-3, 3) * lsb - weight).square().sum())
            for lsb in (2.0**k for k in range(-6, 4))
        }
        assert errors[float(scale[channel])] == min(errors.values())
    trained(quantised, 5)
    assert torch.equal(conv.quant_weight().scale.detach().reshape(-1), scale)


def test_a_training_that_is_continued_is_the_same(tmp_path):
    whole = chain(signed=False, weight_bits=4, settle=True)
    half, again = copy.deepcopy(whole), copy.deepcopy(whole)
    trained(whole, 40)
    save_training(tmp_path / "state.safetensors", trained(half, 40, until=25), {})
    training = Training.start(again)
    load_training(tmp_path / "state.safetensors", training)
    assert training.step == 25
    trained(again, 40, training)
    for (name, one), (_, other) in zip(whole.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(one, other), name


def test_six_bits_and_fewer_settle_where_nothing_else_is_said(tmp_path):
    network = trace(build_network(NetworkConfig(channels=4)).eval())

    def made(**settings) -> QuantNetwork:
        return start_qat(network, QatConfig(**settings), lambda step: torch.rand(1, 3, 16, 16), Silent())

    def settled(quantised: QuantNetwork) -> set[str]:
        return {name for name, widths in quantised.widths.items() if widths.settled}

    assert (
        settled(made()) == settled(made(weight_bits=7)) == settled(made(weight_bits=4, settle=False)) == set()
    )
    assert len(settled(made(weight_bits=6))) == 5
    assert settled(made(layer_weight_bits={"conv_0": 4})) == {"conv_0"}
    torch.manual_seed(1)
    few, plain = made(weight_bits=4), made(weight_bits=4, settle=False)
    stage = StageFolder(tmp_path)
    for quantised in (few, plain):
        save_quantised(stage, quantised)
        again = load_quantised(stage)
        for one, other in zip(quantised.lower().convs, again.lower().convs, strict=True):
            np.testing.assert_array_equal(one.weight_i8, other.weight_i8)
            np.testing.assert_array_equal(one.weight_frac, other.weight_frac)
    _, notes = load_weights(stage.qat_weights)  # of a file from before there was a choice
    assert "settle" not in notes
    save_weights(stage.qat_weights, plain, json.loads(json.dumps(notes)))
    assert settled(load_quantised(stage)) == set()
