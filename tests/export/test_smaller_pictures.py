"""Layers that make a picture smaller, in ONNX: the codes of every runtime, and what it executes."""

from dataclasses import replace

import numpy as np
import pytest

from hwrts.export import census, to_onnx
from hwrts.export.stimuli import noise_codes
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import Conv, Format, Input, MaxPool, Network, Padding, Rounding, SpaceToDepth, run

S8 = Format(True, 8, 7)


def conv(outputs, inputs, kernel, **fields):
    weight = np.random.default_rng(5).integers(-127, 128, (outputs, inputs, *kernel)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv("y", "x", weight, zero + 7, zero + 99, S8, **fields)


LAYERS = {
    "SpaceToDepth 2": (SpaceToDepth("y", "x", 2), "SpaceToDepth"),
    "SpaceToDepth 3": (SpaceToDepth("y", "x", 3), "SpaceToDepth"),
    "MaxPool 2": (MaxPool("y", "x", (2, 2), 2), "MaxPool"),
    "MaxPool 3, pads": (MaxPool("y", "x", (3, 3), 2, (1, 1, 0, 0)), "MaxPool"),
    "MaxPool, stride 1": (MaxPool("y", "x", (3, 2), 1, (1, 0, 1, 1)), "MaxPool"),
    "stride": (conv(5, 4, (4, 4), stride=2, pads=(1, 1, 1, 1)), "QLinearConv"),
    "groups": (conv(8, 2, (3, 3), groups=2, pads=(0, 0, 0, 0)), "QLinearConv"),
    "depthwise": (conv(4, 1, (1, 5), groups=4, stride=3), "QLinearConv"),
    "dilation, reflected": (conv(3, 4, (3, 3), dilation=2, padding=Padding.REFLECT), "QLinearConv"),
    "replicated": (conv(3, 4, (2, 4), pads=(1, 2, 0, 1), padding=Padding.REPLICATE), "QLinearConv"),
}


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
@pytest.mark.parametrize("name", LAYERS)
def test_every_runtime_returns_the_codes(name, rounding):
    layer, executed = LAYERS[name]
    network = Network((Input("x", 4, S8),), (layer,), rounding)
    x = noise_codes(4, S8, network.legal_size(17, 19))
    model = to_onnx(network).SerializeToString()
    for witness in onnx_witnesses(network, model):
        assert np.array_equal(witness.entire(x)["y"], run(network, x, "int64")), witness.name
    if rounding is Rounding.HALF_EVEN:
        counts = census(model)
        assert counts.get(executed) == 1 or counts.get(f"Nhwc{executed}") == 1, counts


def test_the_file_names_sizes():
    layers = (
        replace(conv(4, 4, (3, 3), pads=(0, 0, 0, 0)), name="a"),
        replace(conv(4, 4, (1, 1), stride=2), source="a"),
    )
    network = Network((Input("x", 4, S8),), layers)
    shape = to_onnx(network).graph.output[0].type.tensor_type.shape.dim
    assert [each.dim_param or each.dim_value for each in shape] == ["N", 4, "H/2-1", "W/2-1"]
