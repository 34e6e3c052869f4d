"""Every kind of convolution from a module through fine-tuning to integers: equal, code for code."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.cost.network import graph_cost, network_cost
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import Rounding, run, run_all
from hwrts.graph import Conv, Graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.own_check import check_own_module
from hwrts.runs.quantise import load_quantised, save_quantised
from hwrts.training.fit import Schedule, Training, fit

from ..graph.test_trace import conv, module


def shuffled(s, x: Tensor) -> Tensor:
    """Down by 2, and up again beside what was not."""
    return s.last(torch.cat([F.pixel_shuffle(s.deep(F.relu(s.down(x))), 2), s.beside(x)], 1))


def blurred(s, x: Tensor) -> Tensor:
    return s.last(F.conv2d(s.first(x), s.w, None, 1, 1, 1, 6) - s.first(x))


def blur() -> Tensor:
    """1 2 1 by 1 2 1, over 16: a filter that must not be trained."""
    row = torch.tensor([1.0, 2.0, 1.0])
    return (row[:, None] * row / 16).expand(6, 1, 3, 3).clone()


def between(*layers: nn.Module) -> nn.Module:
    """Layers of 6 channels in a network of 3, with a ReLU in front and one behind."""
    return nn.Sequential(conv(3, 6), nn.ReLU(), *layers, nn.ReLU(), conv(6, 3))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "depthwise": lambda: between(conv(6, 6, groups=6), conv(6, 6, 1)),
    "grouped": lambda: between(conv(6, 6, groups=2)),
    "dilated": lambda: between(conv(6, 6, dilation=2, padding=2)),
    "1x3 and 3x1": lambda: between(conv(6, 6, (1, 3), padding=(0, 1)), conv(6, 6, (3, 1), padding=(1, 0))),
    "even": lambda: between(nn.ZeroPad2d((1, 2, 1, 2)), conv(6, 6, 4, padding=0)),
    "valid": lambda: between(conv(6, 6, padding=0), conv(6, 6, 2, padding=0)),
    "reflected": lambda: between(conv(6, 6, 5, padding_mode="reflect")),
    "replicated on two sides": lambda: between(nn.ReplicationPad2d((2, 0, 1, 1)), conv(6, 6, padding=0)),
    "stride 2, shuffled back": lambda: module(
        shuffled, down=conv(3, 6, stride=2), deep=conv(6, 12), beside=conv(3, 3), last=conv(6, 3)
    ),
    "stride 2 of 4x4, depthwise": lambda: between(conv(6, 6, 4, stride=2, padding=1, groups=6)),
    "stride 4, reflected": lambda: between(conv(6, 6, 7, stride=4, padding=3, padding_mode="reflect")),
    "transposed 4x4": lambda: between(nn.ConvTranspose2d(6, 6, 4, 2, 1)),
    "transposed 3x3": lambda: between(nn.ConvTranspose2d(6, 6, 3, 2, 1, 1)),
    "transposed 9x9 x3": lambda: between(nn.ConvTranspose2d(6, 6, 9, 3, 4, 2)),
    "transposed, depthwise": lambda: between(nn.ConvTranspose2d(6, 6, 4, 2, 1, groups=6)),
    "down and up": lambda: between(conv(6, 6, stride=2), nn.ReLU(), nn.ConvTranspose2d(6, 6, 2, 2)),
    "mean of 2x2": lambda: between(nn.AvgPool2d(2), conv(6, 6)),
    "mean of the picture": lambda: nn.Sequential(nn.AvgPool2d(4), conv(3, 6), nn.ReLU(), conv(6, 3)),
    "a filter that is fixed": lambda: functional_blur(),
}


def functional_blur() -> nn.Module:
    network = module(blurred, first=conv(3, 6), last=conv(6, 3))
    network.register_buffer("w", blur())
    return network


def fine_tuned(network: nn.Module, rounding: Rounding, bits: int = 8) -> QuantNetwork:
    """Calibrated, and a few steps toward the module's own output."""
    network.eval()
    graph = deploy_form(trace(network))
    x = torch.rand(4, 3, 16, 24)
    quantised = QuantNetwork(graph, calibrate(graph, [x], 8, rounding), bits, rounding)
    with torch.no_grad():
        target = network(x).clamp(0, 1)
    losses: list[float] = []
    fit(
        Training.start(quantised), quantised, lambda n: (x, target), Schedule(1e-3, 8),
        lambda n, loss: losses.append(loss), constrain=quantised.hold,
    )  # fmt: skip
    assert len(losses) == 8
    return quantised.eval()


@pytest.mark.in_turns
@pytest.mark.usefixtures("small_verdict", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("kind", NETWORKS)
def test_from_a_module_to_a_verdict(kind, rounding, tmp_path):
    torch.manual_seed(list(NETWORKS).index(kind))
    network = NETWORKS[kind]()
    check_own_module(network)
    quantised = fine_tuned(network, rounding)
    lowered = quantised.lower()
    photograph = np.random.default_rng(3).integers(0, 256, (20, 28, 3), np.uint8)
    tensors = run_all(lowered, photograph, "int64")
    witness = TorchWitness(quantised, lowered)
    for name, found in witness.entire(photograph).items():
        np.testing.assert_array_equal(found, tensors[name], err_msg=name)
    np.testing.assert_array_equal(run(lowered, photograph), tensors[lowered.output])
    stage = StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again = load_quantised(stage).eval()
    verdict = verify(
        lowered,
        to_onnx(lowered).SerializeToString(),
        {"photo": photograph},
        [TorchWitness(again, lowered)],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)


def convs(graph: Graph) -> dict[str, Conv]:
    return {node.name: node for node in graph.of(Conv)}


def test_taps_that_there_are_not_stay_0_and_are_not_counted():
    """An optimiser that moves every weight by as much at each step would fill them, were they free."""
    torch.manual_seed(5)
    network = between(nn.ConvTranspose2d(6, 6, 4, 2, 1))
    quantised = fine_tuned(network, Rounding.HALF_EVEN)
    layer = next(layer for layer in quantised.lower().convs if layer.name == "_2")
    assert layer.weight_i8.shape == (24, 6, 3, 3)
    assert layer.idle == 24 * 6 * (9 - 4)
    assert np.count_nonzero(layer.weight_i8) <= 24 * 6 * 4
    node = convs(quantised.graph)["_2"]
    absent = node.absent
    assert absent is not None
    assert not layer.weight_i8[absent.expand_as(node.weight).numpy()].any()
    tuned = convs(quantised.unquantised())["_2"]
    assert not tuned.weight[absent.expand_as(tuned.weight)].any()
    assert not torch.equal(tuned.weight, node.weight)  # it was trained
    weights = 6 * 6 * 16  # of the transposed convolution itself
    for cost in (graph_cost(quantised.graph), network_cost(quantised.lower())):
        found = next(each for each in cost.layers if each.name == "_2")
        assert (found.weights, found.macs) == (weights, weights)
    assert len(quantised.lower().convs) == 3


def test_what_is_frozen_stays_and_is_exact():
    torch.manual_seed(6)
    quantised = fine_tuned(functional_blur(), Rounding.HALF_EVEN)
    node = next(node for node in quantised.graph.of(Conv) if node.frozen)
    layer = next(layer for layer in quantised.lower().convs if layer.name == node.name)
    values = layer.weight_i8 * 2.0 ** -layer.weight_frac.reshape(-1, 1, 1, 1).astype(float)
    np.testing.assert_array_equal(values, blur().numpy())
    assert not layer.bias_i32.any()


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_a_mean_is_exact_at_any_width(bits):
    """A power of two has a code of its own, which it would not have at the end of a range."""
    torch.manual_seed(7)
    quantised = fine_tuned(nn.Sequential(nn.AvgPool2d(2), conv()), Rounding.HALF_EVEN, bits)
    layer = quantised.lower().convs[0]
    values = layer.weight_i8 * 2.0 ** -layer.weight_frac.reshape(-1, 1, 1, 1).astype(float)
    np.testing.assert_array_equal(values, np.full((3, 1, 2, 2), 0.25))


def test_a_mean_of_a_picture_rounds_its_sum():
    """(1 + 2 + 3 + 4) / 4 = 2.5, a tie: 2 to even, 3 up."""
    for rounding, expected in ((Rounding.HALF_EVEN, 2), (Rounding.HALF_UP, 3), (Rounding.FLOOR, 2)):
        network = nn.Sequential(nn.AvgPool2d(2), conv(3, 3, 1))
        lowered = fine_tuned(copy.deepcopy(network), rounding).lower()
        codes = np.array([[1, 2], [3, 4]], np.uint8)[:, :, None].repeat(3, axis=2)
        assert run_all(lowered, codes)["_0"].ravel().tolist() == [expected] * 3
