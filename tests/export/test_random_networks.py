"""Every witness agrees on random networks; `pytest -m slow` runs two thousand of them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwrts.export import census, to_onnx
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import Network, run, run_all, stream

from ..fixed_point.random_networks import random_codes, random_network

CHECKS: dict[str, Any] = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}
EXAMPLES = given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 12), width=st.integers(1, 12))


def check(seed, height, width):
    network = random_network(seed)
    codes = random_codes(network, height, width, seed)
    expected = run_all(network, codes, "int64")
    output = expected[network.output]
    np.testing.assert_array_equal(run(network, codes, "fast"), output)
    if network.streamable:
        np.testing.assert_array_equal(np.stack(list(stream(network, codes))), output)
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        found = witness.entire(codes)
        assert set(found) == {layer.name for layer in network.layers}
        for name, tensor in found.items():
            np.testing.assert_array_equal(
                tensor, expected[name], err_msg=f"{witness.name}, {name}: {network}"
            )


@EXAMPLES
@settings(max_examples=100, **CHECKS)
def test_every_witness_agrees(seed, height, width):
    check(seed, height, width)


@pytest.mark.parametrize("seed", range(60))
def test_the_runtime_fuses_whatever_is_connected(seed):
    network = random_network([seed, 7])
    network = Network(network.inputs, network.layers)  # half to even: the QDQ form
    assert float_islands(network, census(to_onnx(network).SerializeToString())) == []


@pytest.mark.slow
@EXAMPLES
@settings(max_examples=2000, **CHECKS)
def test_every_witness_agrees_on_two_thousand(seed, height, width):
    check(seed, height, width)
