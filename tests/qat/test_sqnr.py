import numpy as np
import pytest
import torch

from hwrts.fixed_point import PIXEL, Format
from hwrts.graph import Conv, Graph, Input, run_graph
from hwrts.qat.network import QuantNetwork
from hwrts.qat.sqnr import NOISELESS_DB, layer_sqnr_db


def one_conv(gain, out):
    weight = torch.full((1, 1, 1, 1), gain)
    graph = Graph((Input("x", 1), Conv("y", ("x",), weight, torch.zeros(1))))
    return QuantNetwork(graph, {"x": PIXEL, "y": out}).eval()


def test_by_hand():
    """Codes 1, 2, 3 times 3/8 are 0.375, 0.75, 1.125, which become 0, 1, 1."""
    picture = np.array([[[1], [2], [3]]], np.uint8)
    found = layer_sqnr_db(one_conv(0.375, PIXEL), [picture])
    assert found["x"] == NOISELESS_DB
    signal, noise = 0.375**2 * (1 + 4 + 9), 0.375**2 + 0.25**2 + 0.125**2
    assert found["y"] == pytest.approx(10 * np.log10(signal / noise), rel=1e-6)


def test_a_finer_grid_gains_six_db_a_bit():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 1), dtype=np.uint8)
    ratios = [
        layer_sqnr_db(one_conv(0.37, Format(False, bits, bits)), [picture])["y"] for bits in (4, 5, 6, 7)
    ]
    assert np.diff(ratios) == pytest.approx([6.02] * 3, abs=0.6)  # noise is nearly uniform at these widths


def test_the_unquantised_network_has_the_trained_weights(quantise, picture):
    quantised, _ = quantise(1, 4)
    with torch.no_grad():
        quantised.convs["conv_in"].weight.add_(0.01)
    graph = quantised.unquantised()
    assert torch.equal(graph.node("conv_in").weight, quantised.convs["conv_in"].weight)
    x = torch.rand(1, 3, 8, 8)
    assert (run_graph(graph, x)["picture"] - quantised(x)).abs().max() < 0.1
    ratios = layer_sqnr_db(quantised, [picture(16, 16), picture(9, 12)])
    assert set(ratios) == set(quantised.formats)
    assert all(0 < ratio <= NOISELESS_DB for ratio in ratios.values())
