"""Networks that shrink and enlarge: strides, squares that are parted, several inputs and outputs."""

from typing import Any

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Concat,
    DepthToSpace,
    HwrtsError,
    Input,
    MaxPool,
    Network,
    Padding,
    Repeat,
    SpaceToDepth,
    Upsample,
)

from ...fixed_point.random_networks import random_network
from .build import S8, U8, random_conv, single
from .simulate import assert_exact

EDGE: dict[str, Any] = {"padding": Padding.REPLICATE}
X = (Input("x", 3, PIXEL),)


def conv(name, source, outputs, inputs, out=U8, kernel=3, **fields):
    seed = sum(map(ord, name))
    return random_conv(np.random.default_rng(seed), name, source, outputs, inputs, kernel, out, **fields)


STRIDES: dict[str, dict[str, Any]] = {
    "half the size": {"stride": 2, **EDGE},
    "half, 4x4": {"stride": 2, "kernel": 4, "pads": (1, 1, 1, 1)},
    "a third, no padding": {"stride": 3, "pads": (0, 0, 0, 0)},
    "a quarter, depthwise": {"stride": 4, "kernel": 5, "groups": 3, "outputs": 6, **EDGE},
    "no padding": {"pads": (0, 0, 0, 0)},
    "dilated, no padding on one side": {"dilation": 2, "pads": (0, 2, 4, 2)},
    "every second of 1x1": {"stride": 2, "kernel": 1},
}


@pytest.mark.parametrize("case", STRIDES)
def test_convolutions_that_make_another_size(tmp_path, case):
    fields = {"outputs": 4, **STRIDES[case]}
    outputs = fields.pop("outputs")
    assert_exact(tmp_path, single(conv("y", "x", outputs, 3, S8, **fields)), [(1, 1), (6, 9)], cycles=16)


NETWORKS = {
    "enlarged first": (
        Repeat("up", "x", 2),
        conv("a", "up", 4, 3, **EDGE),
        conv("b", "a", 3, 4, S8, **EDGE),
        Add("y", ("up", "b"), PIXEL),
    ),
    "interpolated first": (
        Upsample("up", "x", "bilinear", 2, PIXEL),
        conv("a", "up", 3, 3, S8),
        Add("y", ("up", "a"), PIXEL),
    ),
    "encoder and decoder": (
        conv("a", "x", 4, 3),
        conv("down", "a", 6, 4, stride=2),
        conv("b", "down", 16, 6),
        DepthToSpace("up", "b", 2),
        Concat("both", ("up", "a"), U8),
        conv("y", "both", 3, 8, S8),
    ),
    "on squares": (
        SpaceToDepth("squares", "x", 2),
        conv("a", "squares", 6, 12),
        conv("b", "a", 12, 6, S8),
        DepthToSpace("up", "b", 2),
        Add("y", ("x", "up"), PIXEL),
    ),
    "pooled": (
        MaxPool("down", "x", (2, 2), 2),
        Repeat("up", "down", 2),
        Add("y", ("x", "up"), PIXEL),
    ),
    "four times, in two steps": (
        conv("a", "x", 8, 3),
        DepthToSpace("up_a", "a", 2),
        conv("b", "up_a", 8, 2),
        DepthToSpace("up_b", "b", 2),
        conv("y", "up_b", 1, 2),
    ),
}


@pytest.mark.parametrize("case", NETWORKS)
@pytest.mark.usually(case={"enlarged first", "encoder and decoder"})
def test_networks_of_several_grids(tmp_path, case):
    """With pauses on both sides, and two frames one after the other."""
    assert_exact(tmp_path, Network(X, NETWORKS[case]), [(1, 1), (4, 6)], cycles=32)


def test_several_inputs_and_outputs(tmp_path):
    """One of them half as large, one that others read as well; each of them pauses on its own."""
    inputs = (*X, Input("small", 12, PIXEL, shrink=2), Input("mask", 1, PIXEL))
    layers = (
        DepthToSpace("up", "small", 2),
        Add("sum", ("x", "up"), PIXEL),
        conv("a", "sum", 2, 3, **EDGE),
        Add("b", ("a", "mask"), U8),
        MaxPool("c", "b", (2, 2), 2),
    )
    network = Network(inputs, layers, outputs=("b", "c", "sum"))
    assert_exact(tmp_path, network, [(2, 2), (4, 6)])


def clocks(circuit, name):
    """For each pixel that a convolution makes."""
    return next(circuit.foldings[name].cycles(conv) for conv in circuit.network.convs if conv.name == name)


def test_a_pixel_of_a_larger_tensor_has_fewer_clocks():
    """Four pixels of the enlarged picture come in the clocks of one; one of a smaller has those of two."""
    circuit = circuit_of(Network(X, NETWORKS["enlarged first"]), Settings(widest=8, cycles=36))
    assert clocks(circuit, "a") == 9
    assert circuit.cycles == 36
    circuit = circuit_of(Network(X, NETWORKS["on squares"]), Settings(widest=8, cycles=9))
    assert clocks(circuit, "a") == 18
    assert circuit.cycles == 9


WITHOUT_A_CIRCUIT = {1, 8, 14}
"""Seeds whose networks have a mean or a maximum along columns."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_networks(tmp_path, seed):
    """Whatever has a circuit, which 37 have: with pauses, at a pixel and at some."""
    network = random_network(seed, several=bool(seed % 2))
    if seed in WITHOUT_A_CIRCUIT:
        with pytest.raises(HwrtsError, match=r"along columns"):
            circuit_of(network, Settings(widest=16, cycles=64))
        return
    assert_exact(tmp_path, network, [(1, 1), (4, 5)], cycles=64, pauses=[(seed % 3 * 50, seed % 4 * 70)])
