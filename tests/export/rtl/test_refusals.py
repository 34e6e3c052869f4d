"""What has no Verilog yet is one line that names the layer; nothing is left out in silence."""

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of
from hwrts.export.rtl.folding import Folding, folded
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    DepthToSpace,
    HwrtsError,
    Input,
    MaxPool,
    Network,
    Padding,
    SpaceToDepth,
)

from .build import S8, random_conv, single


def conv(inputs=3, kernel=3, outputs=4, source="x", **fields):
    return random_conv(np.random.default_rng(1), "c", source, outputs, inputs, kernel, S8, **fields)


def refused(network, message, cycles=16):
    with pytest.raises(HwrtsError, match=message) as error:
        circuit_of(network, Settings(cycles=cycles))
    assert "\n" not in str(error.value)


def test_operators_without_verilog():
    refused(
        single(MaxPool("y", "x", (3, 3), 1, (1, 1, 1, 1))),
        "rtl: layer 'y': MaxPool has no Verilog yet; Conv, Add, ",
    )


def test_shapes_of_convolutions_without_verilog():
    refused(single(conv(padding=Padding.REFLECT)), "layer 'c': padding 'reflect' has no Verilog yet")
    behind = conv(source="up")
    layers = DepthToSpace("up", "x", 2), behind
    refused(
        Network((Input("x", 12, PIXEL),), layers), "layer 'c': a convolution behind an enlargement has no"
    )


def test_sizes_without_verilog():
    refused(
        single(conv(pads=(0, 0, 0, 0))), "rtl: tensor 'c' has 4 channels at 1 times the input's size less 2"
    )
    refused(
        single(SpaceToDepth("y", "x", 2)), "rtl: tensor 'y' has 12 channels at 1/2 times the input's size"
    )


def test_additions_that_spread_one_channel():
    layers = conv(outputs=1), Add("y", ("x", "c"), PIXEL)
    refused(
        Network((Input("x", 3, PIXEL),), layers), "layer 'y': adds 3 and 1 channels; operands of different"
    )


def test_several_inputs_and_outputs():
    two = Network(tuple(Input(name, 3, PIXEL) for name in "ab"), (Add("y", ("a", "b"), PIXEL),))
    refused(two, r"rtl: the network has 2 input\(s\) and 1 output\(s\); it can be one of each so far")


def test_more_groups_than_clocks():
    layer = conv(inputs=8, outputs=8, groups=8)
    refused(single(layer, 8), "layer 'c' has 8 groups, which take a clock each, not 4; allow more", cycles=4)


@pytest.mark.parametrize(
    ("outputs", "inputs", "kernel", "cycles", "folding"),
    [
        (32, 32, 3, 16, Folding(2, 288)),  # 9216 weights by 16
        (32, 3, 3, 16, Folding(2, 27)),
        (3, 32, 3, 16, Folding(3, 18)),
        (32, 32, 3, 1, Folding(32, 288)),
        (32, 32, 3, 9216, Folding(1, 1)),
        (5, 3, 1, 4, Folding(5, 1)),  # 15 weights: 4 do not do
    ],
)
def test_foldings_by_hand(outputs, inputs, kernel, cycles, folding):
    layer = conv(inputs=inputs, outputs=outputs, kernel=kernel)
    assert folded(layer, cycles) == folding
    assert folding.cycles(layer) <= cycles


def test_no_folding_has_fewer_multipliers():
    """Against all that there are."""
    layer = conv(inputs=3, outputs=7, kernel=1)
    for cycles in range(1, 25):
        every = [Folding(pe, simd) for pe in range(1, 8) for simd in range(1, 4)]
        least = min(each.multipliers for each in every if each.cycles(layer) <= cycles)
        assert folded(layer, cycles).multipliers == least


def test_the_accumulator_is_as_wide_as_proved():
    zero = np.zeros(1, np.int32)
    layer = Conv("c", "x", np.full((1, 1, 1, 1), 3, np.int8), zero, zero, S8)
    circuit = circuit_of(single(layer, 1), Settings())
    assert circuit.modules["c"].parameters["ACC"] == 11  # 0 .. 765
