"""Every witness agrees on random networks, and tiles do; `pytest -m slow` runs two thousand of them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwrts.data import tiles
from hwrts.export import census, to_onnx
from hwrts.export.onnx_nodes import is_wide, never_wide
from hwrts.export.operators import NODES
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import HwrtsError, Network, run, run_all, run_outputs, stream_all

from ..fixed_point.random_networks import random_codes, random_inputs, random_network, wide_ended

CHECKS: dict[str, Any] = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}
EXAMPLES = given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 12), width=st.integers(1, 12))


def check(seed, height, width, several=False):
    check_network(random_network(seed, several=several), seed, height, width)


def check_network(network, seed, height, width):
    codes = random_inputs(network, height, width, seed)
    expected = run_all(network, codes, "int64")
    outputs = {name: expected[name] for name in network.outputs}
    check_equal(run_outputs(network, codes, "fast"), outputs, f"fast, of {network}")
    if network.streamable:
        made = list(stream_all(network, in_rows(network, codes)))
        rows = {name: np.stack([row for tick in made for row in tick[name]]) for name in outputs}
        check_equal(rows, outputs, f"row by row, of {network}")
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        found = witness.entire(codes)
        assert {layer.name for layer in network.layers} == set(found)
        check_equal(found, {name: expected[name] for name in found}, f"{witness.name}, of {network}")


def in_rows(network, codes):
    """A row of every input at a time; of one pixel, which is a register, the same each time."""
    height = max(len(x) for x in codes.values())
    single = {each.name for each in network.inputs if each.whole}
    return [{name: x[0 if name in single else y] for name, x in codes.items()} for y in range(height)]


def check_wide(seeds):
    """10 and 12 bits at the ends, in both flavours; few are of bicubic taps that float32 cannot sum."""
    refused = 0
    for seed in seeds:
        network = wide_ended(seed, 10 + 2 * (seed % 2))
        for each in (network, Network(network.inputs, network.layers)):  # half to even: the QDQ form
            if any(not NODES[type(layer)].FUSED.wide(each, layer) for layer in wide_layers(each)):
                with pytest.raises(HwrtsError, match="Upsample of"):
                    to_onnx(each)
                refused += 1
                continue
            check_network(each, seed, 1 + seed % 11, 1 + seed % 7)
            assert float_islands(each, census(to_onnx(each).SerializeToString())) == []
    assert refused < len(seeds) / 5


def wide_layers(network):
    return [layer for layer in network.layers if is_wide(network, layer)]


def check_equal(found, expected, what):
    assert set(found) == set(expected)
    for name, codes in expected.items():
        np.testing.assert_array_equal(found[name], codes, err_msg=f"{name}, {what}")


def tiles_of(seed, side):
    """How many tiles of that side were put together to what the definition makes of the whole picture."""
    network, count = random_network(seed), 0
    made, codes = network.tensors[network.output], random_codes(network, 17, 23, seed)
    if not network.streamable:
        return 0  # it goes through in one pass
    sizes = tiles.Sizes(network.multiple, network.smallest, made.lacks)
    # Its codes have up to 8 bits, signed ones too: float32 holds them.

    def computed(tile):
        nonlocal count
        count += 1
        return run(network, tile)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE", side)
        found = tiles.upscale_float(computed, codes, network.halo, made.scale, sizes)
    expected = run_all(network, codes, "int64")[network.output]
    np.testing.assert_array_equal(found, expected, err_msg=f"{count} tiles, seed {seed}: {network}")
    return count


def check_tiles(seeds):
    """The package's own, of sides that are none of the picture's, and all in more than one."""
    counts = [tiles_of([seed, 96], 4 + seed % 5) for seed in seeds]
    assert np.mean(np.array(counts) > 1) > 0.8  # those that are no stream are few
    assert sum(counts) > 4 * len(counts)


@pytest.mark.parametrize("part", range(4))
def test_every_witness_agrees_on_wide_ends(part):
    check_wide(range(25 * part, 25 * part + 25))


def test_wide_ends_are_of_all_kinds():
    found = {
        type(layer) for seed in range(100) for layer in wide_layers(wide_ended(seed, 10 + 2 * (seed % 2)))
    }
    assert found == {kind for kind, nodes in NODES.items() if nodes.FUSED.wide is not never_wide}


@EXAMPLES
@settings(max_examples=100, **CHECKS)
def test_every_witness_agrees(seed, height, width):
    check(seed, height, width)


@pytest.mark.parametrize("seed", range(100))
def test_every_witness_agrees_on_several_inputs_and_outputs(seed):
    check([seed, 95], 1 + seed % 11, 1 + seed % 7, several=True)


@pytest.mark.parametrize("part", range(4))
def test_tiles_are_the_whole(part):
    check_tiles(range(25 * part, 25 * part + 25))


def test_inputs_and_outputs_are_of_all_kinds():
    """A builder that always made the same would prove nothing."""
    networks = [random_network([seed, 95], several=True) for seed in range(100)]
    assert {len(network.inputs) for network in networks} == {1, 2, 3}
    assert {len(network.outputs) for network in networks} == {1, 2, 3}
    further = [each for network in networks for each in network.inputs[1:]]
    assert {(each.grow, each.shrink) for each in further} == {(1, 1), (2, 1), (1, 2)}
    assert {each.whole for each in further} == {True, False}
    assert sum(network.streamable and len(network.inputs) > 1 for network in networks) > 20
    assert any(network.outputs[0] != network.layers[-1].name for network in networks)


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


@pytest.mark.slow
def test_every_witness_agrees_on_two_thousand_of_several_inputs_and_outputs():
    for seed in range(2000):
        check([seed, 94], 1 + seed % 11, 1 + seed % 7, several=True)


@pytest.mark.slow
def test_every_witness_agrees_on_a_thousand_wide_ends():
    check_wide(range(100, 1100))


@pytest.mark.slow
def test_tiles_of_two_thousand_are_the_whole():
    check_tiles(range(100, 2100))
