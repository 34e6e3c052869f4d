from pathlib import Path

import numpy as np
import pytest

from hwrts.export import census, open_session, to_onnx
from hwrts.export.runtime import float_islands
from hwrts.export.witness import from_stored, to_stored
from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, pair_can_saturate_int16, run


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def pairs(bits: int) -> Network:
    """Weights at their largest beside inputs at 255: each pair of products is 2*255*(2**(bits-1) - 1)."""
    limit = (1 << (bits - 1)) - 1
    weight = np.full((16, 32, 3, 3), limit, np.int8)
    weight[1::2] *= -1
    weight[::3, 16:] *= -1  # some channels cancel: the sum is small, the pairs are not
    frac = np.full(16, 14, np.int32)
    bias = (np.arange(16, dtype=np.int32) - 8) * 20_000
    first = Conv("first", "x", weight, frac, bias, Format(True, 8, 3), bits)
    return Network((Input("x", 32, PIXEL),), (first,))


def mismatches(network: Network, codes: np.ndarray, *, exact: bool) -> int:
    session = open_session(to_onnx(network).SerializeToString(), exact=exact)
    (stored,) = session.run(None, {"x": to_stored(codes, PIXEL)})
    found = from_stored(stored, network.formats[network.output])
    return int(np.count_nonzero(found != run(network, codes, "int64")))


INPUTS = {
    "all 255": np.full((8, 9, 32), 255, np.uint8),
    "half 255": np.where(np.arange(32) < 16, 255, 0).astype(np.uint8) * np.ones((8, 9, 1), np.uint8),
    "noise": np.random.default_rng(0).integers(200, 256, (8, 9, 32), dtype=np.uint8),
}


@pytest.mark.parametrize("codes", INPUTS.values(), ids=INPUTS)
def test_exact_sessions_do_not_saturate(codes):
    network = pairs(8)
    assert pair_can_saturate_int16(network.convs[0])
    assert mismatches(network, codes, exact=True) == 0


@pytest.mark.skipif(
    "avx2" not in _flags() or bool({"avx512_vnni", "avx_vnni", "avx512vnni"} & _flags()),
    reason="only an x86 CPU without VNNI saturates pairs of products",
)
def test_default_sessions_saturate_on_this_cpu():
    """Shows that the option does something, and that the input of the test above is harmful."""
    assert mismatches(pairs(8), INPUTS["half 255"], exact=False) > 0


@pytest.mark.parametrize("codes", INPUTS.values(), ids=INPUTS)
def test_seven_bit_weights_never_saturate(codes):
    network = pairs(7)
    assert not pair_can_saturate_int16(network.convs[0])
    assert mismatches(network, codes, exact=False) == 0
    assert mismatches(network, codes, exact=True) == 0


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("threads", [1, 2, None])
def test_threads_and_fusions_change_no_code(anchor, picture, fused, threads):
    network = anchor()
    pixels = picture(20, 31)
    session = open_session(to_onnx(network).SerializeToString(), fused=fused, threads=threads)
    (stored,) = session.run(None, {"x": to_stored(pixels, PIXEL)})
    np.testing.assert_array_equal(from_stored(stored, PIXEL), run(network, pixels, "int64"))


def test_census_counts_the_optimised_graph(anchor):
    counts = census(to_onnx(anchor()).SerializeToString())
    assert list(counts) == sorted(counts)
    assert "QuantizeLinear" not in counts
    assert "DequantizeLinear" not in counts


@pytest.mark.parametrize(
    ("counts", "problems"),
    [
        ({"QLinearConv": 5, "QLinearAdd": 3}, []),
        ({"QLinearConv": 4, "QLinearAdd": 3, "Conv": 1}, ["QLinearConv: 4 of 5", "float Conv: 1"]),
        ({"QLinearConv": 5, "QLinearAdd": 2, "Add": 1}, ["QLinearAdd: 2 of 3", "float Add: 1"]),
        ({"QLinearConv": 5, "QLinearAdd": 3, "FusedConv": 2}, ["float FusedConv: 2"]),
        ({}, ["QLinearConv: 0 of 5", "QLinearAdd: 0 of 3"]),
    ],
)
def test_float_islands_are_named(anchor, counts, problems):
    assert float_islands(anchor(), counts) == problems
