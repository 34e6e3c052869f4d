"""Accumulators of a given width: what is trained fits them, whatever the weights, biases and inputs are."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.cost.network import network_cost, widths_cost
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import FLOAT32_LIMIT, PIXEL, Format, HwrtsError, Network, room_for_weights
from hwrts.fixed_point.bounds import linear_reach
from hwrts.graph import Conv, Graph, Input
from hwrts.graph.deploy import deploy_form
from hwrts.graph.fitted import FittedWeights
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import widths_of
from hwrts.graph.widths import Widths
from hwrts.networks.build import build_network
from hwrts.networks.held import FREE
from hwrts.progress import Silent
from hwrts.qat.fused import Fused
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised, start_qat

from ..qat.test_fused import both
from ..qat.test_qat import assert_integers_equal_values

UNSIGNED, SIGNED = Format(False, 8, 8), Format(True, 8, 7)


@pytest.mark.parametrize(
    ("bits", "source", "bias", "room"),
    [
        (16, UNSIGNED, 0, 128),  # 128 * 255 = 32,640
        (16, UNSIGNED, 127, 128),  # 32,767 exactly
        (16, UNSIGNED, 128, 127),
        (16, SIGNED, 0, 255),  # 255 * 128
        (16, Format(False, 4, 4), 0, 2184),
        (9, UNSIGNED, 0, 1),
        (8, UNSIGNED, 0, 0),
        (16, UNSIGNED, 40_000, 0),
    ],
)
def test_room_is_what_the_register_holds(bits, source, bias, room):
    assert room_for_weights(bits, source, np.array([bias])).tolist() == [room]
    if not room:
        return
    apart = np.array([[room, -room]]) if not source.signed else np.array([[room - room // 2, -(room // 2)]])
    for sign, weight in itertools.product((1, -1), (apart, apart * [1, 0])):
        reach = linear_reach(weight, [source], np.array([sign * bias]))
        assert reach.bits.item() <= bits
    one_more = linear_reach(np.array([[room + 1]]), [source], np.array([bias]))
    assert one_more.bits.item() > bits or source.signed  # -128 is the worst of a source with a sign
    assert linear_reach(np.array([[-room - 1]]), [source], np.array([bias])).bits.item() > bits or bias


def fitted(bits: int, source: Format, weight_bits: int = 8, bias: float = 0.0) -> FittedWeights:
    weights = FittedWeights(1, Widths(weight_bits, bits), source, FREE)
    conv = torch.nn.Conv2d(4, 1, 1)
    with torch.no_grad():
        conv.bias.fill_(bias)
    weights.watch(conv)
    return weights


@pytest.mark.parametrize("source", [UNSIGNED, SIGNED])
def test_no_other_codes_that_fit_are_nearer(source):
    generator = torch.Generator().manual_seed(3)
    weights = fitted(11, source)  # 4 codes for each sign, or 7 for all
    room = 4 if source is UNSIGNED else 7
    every = torch.tensor(list(itertools.product(range(-room, room + 1), repeat=4)), dtype=torch.float32)
    up, down = every.clamp(min=0).sum(1), -every.clamp(max=0).sum(1)
    legal = every[torch.maximum(up, down) <= 4] if source is UNSIGNED else every[up + down <= 7]
    moved = 0
    for _ in range(60):
        x = torch.randn(4, generator=generator) * 3
        found = weights(x.reshape(1, 4, 1, 1)).flatten()
        errors = (legal - x).square().sum(1)
        assert float((found - x).square().sum()) == pytest.approx(float(errors.min()), rel=0.02), x
        moved += not torch.equal(found, x.round())
    assert moved > 20  # or the register took nothing away


def chain(*, signed: bool, **widths) -> QuantNetwork:
    """A picture to 8 channels to 6, in groups, to a picture."""
    generator = torch.Generator().manual_seed(5)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    graph = Graph(
        (
            Input("x", 3),
            Conv("a", ("x",), numbers(8, 3, 3, 3), numbers(8), relu=not signed),
            Conv("b", ("a",), numbers(6, 4, 3, 3), numbers(6), groups=2, relu=not signed),
            Conv("c", ("b",), numbers(3, 6, 5, 5), numbers(3)),
        )
    )
    inner = Format(signed, 8, 5)
    return QuantNetwork(graph, {"x": PIXEL, "a": inner, "b": inner, "c": PIXEL}, **widths)


def disturbed(quantised: QuantNetwork, steps: int, rate: float) -> QuantNetwork:
    """Trained towards noise, at a rate at which weights and biases are thrown about."""
    optimiser = torch.optim.Adam(quantised.parameters(), lr=rate)
    forward, x = Fused(quantised.train()), torch.rand(2, 3, 12, 12)
    for _ in range(steps):
        optimiser.zero_grad()
        y = forward(x)
        (y - torch.rand_like(y)).square().mean().backward()
        optimiser.step()
        quantised.hold(1.0)
    return quantised.eval()


def assert_fits(network: Network, registers: dict[str, int]) -> None:
    for name, bits in registers.items():
        layer, bounds = network.layer(name), network.bounds[name]
        assert bounds.bits.max() <= bits, name
        assert bounds.exact_in_float32
        lowest, highest = layer.attack(*network.formats_of(layer.sources))
        assert (lowest.tolist(), highest.tolist()) == (bounds.lowest.tolist(), bounds.highest.tolist())


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [11, 13, 16, 20, 24])
@pytest.mark.parametrize("rate", [0.0, 0.01, 1.0])
def test_every_state_of_a_training_fits(signed, bits, rate):
    torch.manual_seed(7)
    quantised = chain(signed=signed, accumulator_bits=bits)
    network = (disturbed(quantised, 5, rate) if rate else quantised.eval()).lower()
    assert_fits(network, dict.fromkeys("abc", bits))
    needed = max(int(network.bounds[name].bits.max()) for name in "abc")
    assert needed == bits or bits > 16  # these sums need no more


def test_layers_have_registers_of_their_own():
    quantised = chain(signed=False, accumulator_bits=18, layer_accumulator_bits={"b": 12})
    network = quantised.lower()
    assert_fits(network, {"a": 18, "b": 12, "c": 18})
    free = chain(signed=False, layer_accumulator_bits={"b": 12}).lower()
    assert free.bounds["b"].bits.max() == 12
    assert free.bounds["c"].bits.max() > 18


@pytest.mark.parametrize("one_grid", [False, True])
@pytest.mark.parametrize("head", ["x2", "same-size"])
@pytest.mark.parametrize("keeps", ["flat", "grey"])
def test_what_is_held_stays_held(keeps, head, one_grid):
    torch.manual_seed(1)
    network = build_network(NetworkConfig(channels=6, keeps=keeps)).eval()
    qat = QatConfig(accumulator_bits=13, one_weight_grid=one_grid)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / 6)
    held: Any = network
    held.hold_weights()
    quantised = start_qat(
        trace(network), qat, lambda step: torch.rand(2, 3, 16, 16), Silent(), same_size=head != "x2"
    )
    integers = disturbed(quantised, 3, 0.02).lower()
    assert_fits(integers, {conv.name: 13 for conv in integers.convs})
    flat = np.full((40, 40, 3), 77, np.uint8)
    from hwrts.fixed_point import run

    made = run(integers, flat)
    assert (made == 77).all()
    assert all(conv.weight_i8.any() for conv in integers.convs)


def test_the_network_is_its_integers_and_its_file(tmp_path):
    torch.manual_seed(2)
    quantised = disturbed(chain(signed=False, accumulator_bits=14, weight_bits=6), 4, 0.02)
    network = quantised.lower()
    picture = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    assert_integers_equal_values(quantised, picture)
    witness = TorchWitness(quantised, network)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"noise": picture}, [witness])
    assert verdict.passed
    stage = StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again = load_quantised(stage)
    assert (again.accumulator_bits, again.layer_accumulator_bits) == (14, {})
    for one, other in zip(network.convs, again.lower().convs, strict=True):
        np.testing.assert_array_equal(one.weight_i8, other.weight_i8)
        np.testing.assert_array_equal(one.weight_frac, other.weight_frac)


def test_the_fused_step_has_equal_values_and_gradients():
    torch.manual_seed(4)
    quantised = chain(signed=False, accumulator_bits=14)
    expected, found = both(quantised, torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20))
    for key, gradient in expected.items():
        assert torch.equal(gradient, found[key]), key


def test_fewer_bits_change_more():
    def error(bits: int | None) -> float:
        quantised = chain(signed=False, accumulator_bits=bits).eval()
        conv = quantised.part(quantised.graph.operations[1])
        change = conv.quant_weight().value - quantised.graph.operations[1].weight
        return float(change.detach().square().sum())

    errors = [error(bits) for bits in (11, 12, 14, 16)]
    assert errors == sorted(errors, reverse=True)
    assert len(set(errors)) == len(errors)


def test_no_room_is_said_at_once():
    with pytest.raises(HwrtsError, match=r"layer 'a': accumulators of 8 bits have no room for its weights"):
        chain(signed=False, accumulator_bits=8).lower()
    with pytest.raises(HwrtsError, match=r"layer 'b': .*give it more with --layer-accumulator-bits"):
        chain(signed=False, accumulator_bits=16, layer_accumulator_bits={"b": 8}).lower()
    # One weight of one LSB has room without a bias, and no bias of an LSB leaves any.
    with pytest.raises(HwrtsError, match=r"layer 'b': accumulators of 9 bits have no room for its weights"):
        chain(signed=False, layer_accumulator_bits={"b": 9}).lower()
    with pytest.raises(HwrtsError, match=r"qat.layer_accumulator_bits: the network has no layer 'd'"):
        chain(signed=False, layer_accumulator_bits={"d": 16})


@pytest.mark.parametrize("bits", [None, 12, 16, 20])
def test_cost_counts_what_a_training_can_need(bits):
    graph = deploy_form(trace(build_network(NetworkConfig(channels=8)).eval()))
    qat = QatConfig(accumulator_bits=bits, layer_accumulator_bits={"conv_0": 14})
    untrained = widths_cost(graph, widths_of(graph, qat))
    registers = {layer.name: layer.accumulator.bits for layer in untrained.layers if layer.weights}
    assert registers["conv_0"] == 14
    assert bits is None or max(registers.values()) == max(bits, 14)
    traced = trace(build_network(NetworkConfig(channels=8)).eval())
    quantised = start_qat(traced, qat, lambda step: torch.rand(1, 3, 16, 16), Silent())
    trained = network_cost(disturbed(quantised, 3, 0.05).lower())
    for layer in trained.layers:
        if layer.weights:
            assert layer.accumulator.bits <= (bits or 32 if layer.name != "conv_0" else 14)


def test_a_copy_has_its_own_numbers():
    one = chain(signed=False, accumulator_bits=14)
    other = copy.deepcopy(one)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(3)
    other.hold()
    assert_fits(other.lower(), dict.fromkeys("abc", 14))
    assert not np.array_equal(one.lower().convs[1].bias_i32, other.lower().convs[1].bias_i32)


def test_24_bits_are_exact_in_float32_whatever_the_kernel():
    graph = Graph((Input("x", 64), Conv("y", ("x",), torch.ones(2, 64, 9, 9), torch.full((2,), 900.0))))
    formats = {"x": Format(False, 8, 8), "y": Format(True, 8, 0)}
    network = QuantNetwork(graph, formats, accumulator_bits=24).lower()
    assert network.bounds["y"].bits.max() == 24
    assert network.bounds["y"].partial_sum.max() < FLOAT32_LIMIT


def test_a_bias_that_ran_away_leaves_room():
    quantised = chain(signed=False, accumulator_bits=14)
    with torch.no_grad():
        for node, far in zip(quantised.graph.of(Conv), (1e3, -1e3, 1e6), strict=True):
            quantised.part(node).bias.fill_(far)
    quantised.hold()
    network = quantised.lower()
    assert_fits(network, dict.fromkeys("abc", 14))
    assert [np.unique(conv.bias_i32).tolist() for conv in network.convs] == [[4096], [-4096], [4096]]
    assert all(conv.weight_i8.any() for conv in network.convs)


@pytest.mark.parametrize("signed", [False, True])
def test_a_bias_that_is_found_from_the_integers_has_room(signed):
    """All weights of one sign, and what they read of a flat picture at its end: as large as a bias gets."""
    first = Conv(
        "a", ("x",), torch.zeros(4, 3, 3, 3), torch.full((4,), -9.0 if signed else 9.0), relu=not signed
    )
    second = Conv("b", ("a",), torch.ones(2, 4, 3, 3), torch.zeros(2), zero_on_flat=True)
    formats = {"x": PIXEL, "a": Format(signed, 8, 4), "b": Format(True, 8, 4)}
    network = QuantNetwork(Graph((Input("x", 3), first, second)), formats, accumulator_bits=14).lower()
    assert_fits(network, {"a": 14, "b": 14})
    assert network.convs[1].weight_i8.any()
    assert abs(network.convs[1].bias_i32).min() > 3000
