"""Uniform pictures of every level and grey pictures through the integers, for any weights."""

from typing import Any

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import Rounding, run
from hwrts.graph import run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.rounding import round_to_sums
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.networks.build import build_network
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised
from hwrts.training.fit import Schedule, Training, fit

BITS = [(8, 8), (7, 8), (4, 8), (3, 6), (2, 4)]


def quantised_of(
    keeps, same_size, weight_bits=8, activation_bits=8, rounding=Rounding.HALF_EVEN, steps=0, padding="zero"
):
    torch.manual_seed(weight_bits)
    network: Any = build_network(NetworkConfig(channels=8, keeps=keeps, padding=padding))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / 5)
    network.hold_weights()
    graph = deploy_form(trace(network), same_size=same_size)
    x = torch.rand(2, 3, 16, 16)
    made = QuantNetwork(graph, calibrate(graph, [x], activation_bits, rounding), weight_bits, rounding)
    with torch.no_grad():
        y = run_graph(graph, x)[graph.output]
    fit(Training.start(made), made, lambda step: (x, y), Schedule(1e-2, steps), lambda *_: None)
    return made.eval()


def levels_off(network, scale):
    """Of flat areas of all 256 levels, side by side, those whose middle is not what went in."""
    side = 2 * network.halo + 2
    picture = np.arange(256, dtype=np.uint8).repeat(side)[None, :, None].repeat(side, 0).repeat(3, 2)
    middle = slice(scale * network.halo, -scale * network.halo)
    areas = run(network, picture)[middle].reshape(2 * scale, 256, side * scale, 3)[:, :, middle]
    return np.flatnonzero((areas != np.arange(256)[:, None, None]).any((0, 2, 3))).tolist()


@pytest.mark.parametrize("same_size", [False, True])
@pytest.mark.parametrize(("weight_bits", "activation_bits"), BITS)
def test_every_level_and_grey_come_out_as_they_went_in(same_size, weight_bits, activation_bits):
    quantised = quantised_of("grey", same_size, weight_bits, activation_bits, steps=3)
    network = quantised.lower()
    assert levels_off(network, 1 if same_size else 2) == []
    grey = np.random.default_rng(1).integers(0, 256, (24, 24, 1), np.uint8).repeat(3, 2)
    out = run(network, grey)
    assert (out == out[:, :, :1]).all()
    assert (out != (grey if same_size else grey.repeat(2, 0).repeat(2, 1))).any()


@pytest.mark.parametrize("rounding", Rounding)
def test_under_every_rounding_rule(rounding):
    assert levels_off(quantised_of("grey", False, rounding=rounding).lower(), 2) == []


@pytest.mark.parametrize("same_size", [False, True])
def test_with_replicated_edges_whole_pictures_stay(same_size):
    network = quantised_of("grey", same_size, steps=2, padding="replicate").lower()
    for level in range(256):
        assert (run(network, np.full((3, 4, 3), level, np.uint8)) == level).all(), level


def test_what_keeps_nothing_does_not_keep_it():
    torch.manual_seed(0)
    network = Residual(1, 8)
    with torch.no_grad():
        network.conv_in.bias.add_(0.1)
        network.conv_out.weight.add_(torch.randn_like(network.conv_out.weight) / 5)
    graph = deploy_form(trace(network))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(2, 3, 16, 16)])).eval()
    assert len(levels_off(quantised.lower(), 2)) > 100


@pytest.mark.parametrize("same_size", [False, True])
def test_all_witnesses_agree(same_size):
    quantised = quantised_of("grey", same_size, steps=2)
    network = quantised.lower()
    picture = np.random.default_rng(2).integers(0, 256, (20, 22, 3), np.uint8)
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture},
        [TorchWitness(quantised, network)],
        stimuli=["photo"],
    )
    assert verdict.passed


def test_it_is_in_the_file(tmp_path):
    quantised = quantised_of("grey", True, steps=2)
    save_quantised(StageFolder(tmp_path), quantised)
    loaded = load_quantised(StageFolder(tmp_path))
    for one, other in zip(quantised.lower().convs, loaded.lower().convs, strict=True):
        np.testing.assert_array_equal(one.weight_i8, other.weight_i8)
        np.testing.assert_array_equal(one.bias_i32, other.bias_i32)
    assert [node.held for node in loaded.graph.operations if node.PARTS] == [
        node.held for node in quantised.graph.operations if node.PARTS
    ]


def test_the_answer_to_a_flat_picture_follows_the_numbers():
    """It is kept between calls; weights that change, in place or in type, must not meet an old one."""
    quantised, other = quantised_of("grey", False).eval(), quantised_of("grey", False, steps=3).eval()
    x = torch.rand(1, 3, 12, 12)
    with torch.inference_mode():
        before = quantised(x)
        wanted = other(x)
    assert not torch.equal(before, wanted)
    quantised.load_state_dict(other.state_dict())
    assert torch.equal(quantised(x), wanted)
    assert torch.equal(quantised.to(torch.float64)(x.double()), wanted.double())


def test_what_keeps_tensors_in_their_range_sees_the_picture():
    """It saw the flat picture, which is asked for last, and no bias: int8 drifted away from float."""
    quantised = quantised_of("grey", False)
    seen = {}
    for module in quantised.answers.children():
        module.register_forward_hook(lambda m, _, out: seen.update({m: getattr(out, "value", out)}))
    quantised(torch.rand(2, 3, 20, 26))
    assert len(seen) == 3  # conv_out, and conv_ext on the picture and on the residual
    assert all(sums.shape[::2] == (2, 20) and sums.abs().max() > 0 for sums in seen.values())
    quantised(torch.full((1, 3, 24, 24), 0.4))
    assert all(sums[:, :, 8:-8, 8:-8].abs().max() < 1e-6 for sums in seen.values())


def test_fewer_bits_in_one_layer_keep_it_too():
    quantised = quantised_of("grey", False)
    network = quantised.lower()
    for conv in network.convs:
        assert levels_off(quantised.exchanged(network, quantised.narrowed(conv.name, 3)), 2) == []
    broken = network.exchanged(quantised.narrowed("conv_out", 3))
    assert levels_off(broken, 2)  # what finding the biases again is for


def test_the_float_form_has_its_biases_too():
    quantised = quantised_of("grey", False, steps=3)
    graph = quantised.unquantised()
    values = run_graph(graph, torch.full((1, 3, 24, 24), 0.4))
    middle = values[graph.output][:, :, 20:-20, 20:-20].detach()
    torch.testing.assert_close(middle, torch.full_like(middle, 0.4), rtol=0, atol=1e-5)


def test_sums_are_met_where_taps_are_at_their_largest():
    exact = torch.tensor([[128.0, 128, 128, 128, -102.4, -102.4, -102.4, -102.4, -102.4]]).double()
    codes = round_to_sums(exact, torch.zeros(1).double(), 127)
    assert float(codes.sum()) == 0
    assert float(codes.abs().max()) <= 127
