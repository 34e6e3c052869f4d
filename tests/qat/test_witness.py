import math

import numpy as np
import pytest
import torch

from hwrts.export import to_onnx, verify
from hwrts.fixed_point import FLOAT32_LIMIT, PIXEL, Format, run_all
from hwrts.graph import Conv, Graph, Input, weight_range
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness


def _heavy(channels: int) -> QuantNetwork:
    """A layer of ``channels`` inputs whose weights are all +127 or -127 codes."""
    torch.manual_seed(0)
    spread = Conv("wide", ("x",), torch.rand(channels, 3, 1, 1) * 0.5, torch.zeros(channels), relu=True)
    sign = torch.where(torch.rand(12, channels, 3, 3) < 0.5, -1.0, 1.0)
    sign[0] = 1  # the worst channel
    heavy = Conv("heavy", ("wide",), sign * (127 / 128), torch.full((12,), 0.3))
    last = Conv("y", ("heavy",), torch.rand(3, 12, 1, 1) - 0.5, torch.zeros(3))
    graph = Graph((Input("x", 3), spread, heavy, last))
    # a fine output grid: 16 bits would hold it all, 8 saturate, but near 0 every low bit is seen
    formats = {"x": PIXEL, "wide": Format(False, 8, 8), "heavy": Format(True, 8, 2), "y": PIXEL}
    return QuantNetwork(graph, formats).eval()


@pytest.fixture
def no_coarser_grids(monkeypatch):
    """Without the rule that keeps every layer within float32: such integers can still come from elsewhere."""
    monkeypatch.setattr(weight_range, "COARSEST", 0)


@pytest.mark.usefixtures("no_coarser_grids")
@pytest.mark.parametrize(("channels", "dtype"), [(16, "float32"), (64, "float64"), (80, "float64")])
def test_layers_beyond_the_float32_proof_run_in_float64(channels, dtype, picture):
    quantised = _heavy(channels)
    network = quantised.lower()
    heavy = network.layer("heavy")
    assert set(np.abs(heavy.weight_i8).ravel()) == {127}
    bound = int(network.bounds["heavy"].partial_sum.max())
    assert bound >= channels * 9 * 127 * 255
    assert (bound < FLOAT32_LIMIT) == (dtype == "float32")
    witness = TorchWitness(quantised, network)
    assert witness.name == f"torch fake-quantised {dtype}"
    for codes in (picture(9, 11), np.full((5, 5, 3), 255, np.uint8)):
        found, expected = witness.entire(codes), run_all(network, codes, "int64")
        for name, tensor in expected.items():
            np.testing.assert_array_equal(found[name], tensor, err_msg=name)


@pytest.mark.usefixtures("no_coarser_grids")
def test_float64_is_needed_and_enough():
    """Sums of 2**26 that the bias brings back to a few units, on an output grid as fine as the accumulator's.

    Whatever the order of summation, float32 has dropped the low bits by then; the control below shows it.
    """
    wide = Conv("wide", ("x",), torch.ones(256, 3, 1, 1), torch.zeros(256), relu=True)  # 255 throughout
    heavy = Conv("heavy", ("wide",), 1 - 0.3 * torch.rand(16, 256, 3, 3), torch.zeros(16))
    formats = {"x": PIXEL, "wide": Format(False, 8, 8), "heavy": Format(True, 8, 15)}
    quantised = QuantNetwork(Graph((Input("x", 3), wide, heavy)), formats).eval()
    sums = quantised.lower().layer("heavy").weight_i8.sum(axis=(1, 2, 3), dtype=np.int64) * 255
    with torch.no_grad():
        quantised.convs["heavy"].bias.copy_(torch.from_numpy(-sums * 2.0**-15))
    network = quantised.lower()
    white = np.full((5, 5, 3), 255, np.uint8)
    expected = run_all(network, white, "int64")["heavy"]
    assert np.abs(expected[2, 2]).max() <= 4  # what float32 could not hold of the bias
    witness = TorchWitness(quantised, network)
    np.testing.assert_array_equal(witness.entire(white)["heavy"], expected)
    witness._dtype, witness._module = torch.float32, quantised.float()
    assert (witness.entire(white)["heavy"][2, 2] != expected[2, 2]).any()


@pytest.mark.usefixtures("no_coarser_grids")
def test_heavy_layer_is_verified(picture):
    quantised = _heavy(64)
    network = quantised.lower()
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"p": picture(9, 11)},
        [TorchWitness(quantised, network)],
        stimuli=["p", "one column"],
    )
    wrong = [row.as_json() for row in verdict.rows.values() if row.mismatches]
    # ONNX promises int32 accumulators only where it computes in integers: the float witnesses may differ
    assert [
        row
        for row in wrong
        if row["witness"].startswith(("numpy", "torch", "onnxruntime fused", "onnxruntime, "))
    ] == []


def test_values_off_the_grid_stay_visible(quantise, picture):
    quantised, network = quantise()
    witness = TorchWitness(quantised, network)
    codes = witness._codes(torch.full((1, 3, 1, 1), math.ldexp(3.25, -network.formats["x"].frac)), "x")
    assert codes.ravel().tolist() == [3.25] * 3


def test_single_layers_take_codes(quantise, picture):
    quantised, network = quantise()
    expected = run_all(network, picture(6, 7), "int64")
    witness = TorchWitness(quantised, network)
    for layer in network.layers:
        found = witness.single(layer.name, {name: expected[name] for name in layer.sources})
        np.testing.assert_array_equal(found, expected[layer.name], err_msg=layer.name)
