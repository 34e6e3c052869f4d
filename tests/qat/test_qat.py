import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import ConfigError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import FLOAT32_LIMIT, PIXEL, HwrtsError, Rounding, run, run_all
from hwrts.graph import Conv, Graph, Input
from hwrts.graph.deploy import deploy_form
from hwrts.graph.rounding import round_keeping_sums
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised
from hwrts.training.fit import Schedule, Training, fit


def assert_integers_equal_values(quantised: QuantNetwork, codes: np.ndarray) -> None:
    """Every tensor's value is on its grid, inside its format, and equal to the integer definition."""
    network = quantised.eval().lower()
    x = torch.from_numpy(codes).permute(2, 0, 1)[None].float() * 2.0**-8
    with torch.inference_mode():
        values = quantised.values(x)
    expected = run_all(network, codes, "int64")
    assert set(values) == set(expected)
    for name, tensor in expected.items():
        out = network.formats[name]
        found = (values[name].double() * 2.0**out.frac)[0].permute(1, 2, 0).numpy()
        assert (found == np.rint(found)).all(), name
        assert out.min <= found.min() <= found.max() <= out.max, name
        np.testing.assert_array_equal(found, tensor, err_msg=name)


GRID = [
    (0, 4, 8, 8),
    (1, 4, 8, 8),
    (3, 8, 8, 8),
    (1, 16, 7, 8),
    (1, 8, 4, 8),
    (1, 8, 2, 8),
    (1, 8, 8, 7),
    (1, 8, 8, 4),
    (2, 4, 3, 3),
    (1, 4, 2, 2),
    (1, 32, 5, 6),
]


@pytest.mark.parametrize(("blocks", "channels", "weight_bits", "activation_bits"), GRID)
def test_integers_equal_fake_quantised_values(
    quantise, picture, blocks, channels, weight_bits, activation_bits
):
    quantised, network = quantise(blocks, channels, weight_bits, activation_bits, seed=blocks + channels)
    assert_integers_equal_values(quantised, picture(11, 13))
    for conv in network.convs:
        assert conv.weight_bits == weight_bits
        assert np.abs(conv.weight_i8).max() <= 2 ** (weight_bits - 1) - 1
        assert conv.out.bits == (activation_bits if conv.name != network.output else 8)
    if weight_bits <= 4:  # the grid is used to its end, or a bit is wasted
        assert max(np.abs(conv.weight_i8).max() for conv in network.convs) == 2 ** (weight_bits - 1) - 1


def test_a_layer_has_weights_of_its_own_width(quantise, picture):
    uniform, _ = quantise(1, 8, seed=2)
    own = {"conv_0": 3, "conv_ext_r": 5}
    mixed = QuantNetwork(uniform.unquantised(), uniform.formats, 6, layer_weight_bits=own).eval()
    assert_integers_equal_values(mixed, picture(11, 13))
    lowered = mixed.lower()
    found = {conv.name: conv.weight_bits for conv in lowered.convs}
    assert found == {"conv_in": 6, "conv_0": 3, "conv_out": 6, "conv_ext_x": 6, "conv_ext_r": 5}
    for conv in lowered.convs:  # the grid is used, and not left
        largest = np.abs(conv.weight_i8).max()
        assert 2 ** (conv.weight_bits - 2) <= largest <= 2 ** (conv.weight_bits - 1) - 1, conv.name
    verdict = verify(
        lowered,
        to_onnx(lowered).SerializeToString(),
        {"photo": picture(15, 14)},
        [TorchWitness(mixed, lowered)],
    )
    assert verdict.passed, verdict.problems


def test_widths_of_unknown_layers_are_refused(quantise):
    uniform, _ = quantise()
    message = (
        "qat.layer_weight_bits: the network has no layer 'conv_1' with weights; "
        "it has conv_in, conv_0, conv_out, conv_ext_x, conv_ext_r"
    )
    with pytest.raises(ConfigError, match=message):
        QuantNetwork(uniform.graph, uniform.formats, 8, layer_weight_bits={"conv_0": 4, "conv_1": 4})
    with pytest.raises(ConfigError, match="no layer 'picture'"):  # an addition has no weights
        uniform.narrowed("picture", 4)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_calibrated_weights_are_computed_with_as_they_were_rounded(bits):
    """Rounding may leave the largest weight on a power of two; 2 bits then computed with half of each."""
    torch.manual_seed(0)
    weight = torch.randn(16, 4, 3, 3) * 0.1
    graph = Graph((Input("x", 4), Conv("y", ("x",), weight, torch.zeros(16))))
    network = QuantNetwork(graph, {"x": PIXEL, "y": PIXEL}, bits).lower()
    range_log2 = weight.abs().amax((1, 2, 3)).log2().ceil()
    lsb = (range_log2 + 1 - bits).exp2()
    expected = round_keeping_sums(weight, lsb, 2 ** (bits - 1) - 1).numpy()
    (conv,) = network.convs
    found = conv.weight_i8 * 2.0 ** -conv.weight_frac[:, None, None, None].astype(float)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_a_narrowed_layer_is_calibrated_from_what_the_network_computes_with(quantise, bits):
    quantised, _ = quantise(1, 8, seed=5)
    with torch.no_grad():
        for parameter in quantised.parameters():  # trained on: the weights have left their grid
            parameter.add_(torch.randn(parameter.shape) * 0.01)
    network = quantised.lower()
    found, before = quantised.narrowed("conv_0", bits), network.layer("conv_0")
    assert (found.name, found.source, found.out) == (before.name, before.source, before.out)
    assert found.weight_bits == bits
    assert np.abs(found.weight_i8).max() <= 2 ** (bits - 1) - 1
    value, old = (
        conv.weight_i8 * 2.0 ** -conv.weight_frac[:, None, None, None].astype(float)
        for conv in (found, before)
    )
    lsb = torch.from_numpy(2.0 ** -found.weight_frac.astype(float))
    expected = round_keeping_sums(torch.from_numpy(old), lsb, 2 ** (bits - 1) - 1)
    np.testing.assert_array_equal(value, expected.numpy())
    trained = quantised.convs["conv_0"].bias.detach().double().numpy()
    assert (np.abs(found.bias_i32 - trained / lsb.numpy() * 2**8) <= 0.5).all()
    again = quantised.lower().layer("conv_0")
    np.testing.assert_array_equal(again.weight_i8, before.weight_i8)  # the network itself stays


@pytest.mark.parametrize("rounding", [rule for rule in Rounding if rule is not Rounding.HALF_EVEN])
def test_every_rounding_rule_is_trained_with_and_verified(quantise, picture, rounding):
    quantised, _ = quantise(1, 8, seed=4)
    ruled, network = quantise(1, 8, seed=4, rounding=rounding)
    assert network.rounding is rounding
    assert_integers_equal_values(ruled, picture(11, 13))
    x = torch.rand(2, 3, 12, 12)
    assert not torch.equal(ruled(x), quantised(x))  # the rule reaches the training module
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture(15, 14)},
        [TorchWitness(ruled, network)],
    )
    assert verdict.passed, verdict.problems
    assert verdict.facts["rounding"] == rounding.value
    witnesses = {row.witness for row in verdict.rows.values()}
    assert {"torch fake-quantised float32", "onnxruntime fused", "onnx.reference", "numpy fast"} <= witnesses


def test_integers_equal_values_for_random_weights(quantise, picture):
    quantised, _ = quantise(2, 8)
    with torch.no_grad():
        for parameter in quantised.parameters():
            parameter.uniform_(-0.7, 0.7)  # far from a trained network: everything saturates somewhere
    assert_integers_equal_values(quantised, picture(9, 10))


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 5)])
def test_integers_equal_values_after_training(quantise, picture, weight_bits, activation_bits):
    quantised, before = quantise(1, 8, weight_bits, activation_bits)
    x, target = torch.rand(4, 3, 12, 12), torch.rand(4, 3, 24, 24)
    losses = []
    fit(
        Training.start(quantised),
        quantised,
        lambda step: (x, target),
        Schedule(1e-2, 6),
        lambda n, loss: losses.append(loss),
    )
    assert losses[-1] < losses[0]
    after = quantised.eval().lower()
    assert any((a.weight_i8 != b.weight_i8).any() for a, b in zip(before.convs, after.convs, strict=True))
    assert_integers_equal_values(quantised, picture(11, 13))


def test_one_layer_alone_equals_the_layer_in_sequence(quantise):
    quantised, network = quantise(1, 4)
    x = torch.randint(0, 256, (1, 3, 8, 8)) * 2.0**-8
    with torch.inference_mode():
        values = quantised.values(x)
        for layer in network.layers:
            assert torch.equal(quantised.single(layer.name, values), values[layer.name]), layer.name


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_values_that_are_not_finite_are_refused(quantise, kind, bad):
    quantised, _ = quantise()
    with torch.no_grad():
        getattr(quantised.convs["conv_out"], kind).view(-1)[0] = bad
    with pytest.raises(HwrtsError, match=f"layer 'conv_out': a {kind} is not finite"):
        quantised.lower()


def test_channels_of_almost_zero_weights_keep_the_float32_proof(quantise, picture):
    quantised, _ = quantise(1, 8)
    with torch.no_grad():
        quantised.convs["conv_0"].weight[0] = 0
        quantised.convs["conv_0"].weight[1] = 1e-20
        quantised.convs["conv_out"].weight.mul_(1e-6)
        quantised.convs["conv_0"].bias[:2] = 0.9  # on a finer grid this bias alone would pass 2**24
    network = quantised.eval().lower()
    assert max(int(bounds.partial_sum.max()) for bounds in network.bounds.values()) < FLOAT32_LIMIT
    assert int(network.layer("conv_0").weight_frac.max()) == 14  # range 2**-7 in 7 bits and sign
    assert_integers_equal_values(quantised, picture(9, 9))


class Own(nn.Module):
    """Nothing of ours in it: no image residual, other kernels, a plain shuffle at the end."""

    def __init__(self, tail: str) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 5, 5, padding=2, bias=False)
        self.b = nn.Conv2d(5, 5, 1)
        self.c = nn.Conv2d(5, 12, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2)
        self.tail = tail

    def forward(self, x):
        h = F.relu(self.a(x))
        y = F.pixel_shuffle(self.c(h + torch.relu(self.b(h))), 2)
        return y + self.up(x) if self.tail == "sum" else y


@pytest.mark.parametrize("tail", ["sum", "shuffle"])
def test_own_network_goes_all_the_way(tail, picture):
    """With a shuffle at the end the picture came out in a signed format instead of on the pixel grid."""
    model = Own(tail).eval()
    graph = deploy_form(trace(model))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(2, 3, 16, 16)])).eval()
    network = quantised.lower()
    assert network.formats[network.output] == PIXEL
    assert_integers_equal_values(quantised, picture(9, 12))
    model_bytes = to_onnx(network).SerializeToString()
    verdict = verify(
        network,
        model_bytes,
        {"p": picture(9, 12)},
        [TorchWitness(quantised, network)],
        stimuli=["p", "one row"],
    )
    assert verdict.passed, verdict.as_json()
    assert verdict.mismatches == 0


def test_quantised_output_stays_near_the_float_network(picture):
    """Mean error below 2 codes: 8 bits everywhere, each of a few roundings is worth half a code or less."""
    model = Residual(1, 16).eval()
    graph = deploy_form(trace(model))
    x = torch.from_numpy(picture(16, 16)).permute(2, 0, 1)[None].float() * 2.0**-8
    quantised = QuantNetwork(graph, calibrate(graph, [x])).eval()
    with torch.inference_mode():
        apart = (quantised(x) - model(x).clamp(0, 255 / 256)).abs().mean() * 256
    assert float(apart) < 2


def test_modules_do_not_share_their_weights_with_the_float_network():
    model = Residual(1, 4)
    before = copy.deepcopy(model.state_dict())
    graph = deploy_form(trace(model))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(1, 3, 8, 8)]))
    with torch.no_grad():
        for parameter in quantised.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_tensors_may_be_called_as_methods_are(tmp_path):
    """A layer "update" or "keys" made ModuleDict raise KeyError; names in files stay as they were."""
    names = ["x", *sorted(name for name in dir(nn.ModuleDict()) if not name.startswith("_")), "ordinary"]
    graph = Graph(
        (
            Input("x", 3),
            *(
                Conv(name, (source,), torch.eye(3).reshape(3, 3, 1, 1), torch.zeros(3))
                for source, name in pairwise(names)
            ),
        )
    )
    quantised = QuantNetwork(graph, dict.fromkeys(names, PIXEL)).eval()
    assert {f"convs.{name}.weight" for name in names[1:] if name != "training"} <= set(quantised.state_dict())
    stage = StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again = load_quantised(stage)
    assert [layer.name for layer in again.lower().layers] == names[1:]
    codes = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(run(again.lower(), codes), codes)
