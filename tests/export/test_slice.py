"""Slices of channels in the ONNX file: bytes are moved in both flavours, and what a verdict finds."""

import numpy as np
import pytest
from onnx import numpy_helper

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Concat,
    Conv,
    Format,
    Input,
    Multiply,
    Network,
    Repeat,
    Rounding,
    Slice,
    run_all,
)

S8 = Format(True, 8, 8)


def conv(rng, name, source, outputs, inputs, out):
    weight = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv(name, source, weight, zero + 8, zero + 100, out)


def everything(rounding=Rounding.HALF_EVEN):
    """Parts of the picture, of a convolution, of a concatenation and of a part, in front of all kinds."""
    rng = np.random.default_rng(83)
    layers = (
        conv(rng, "first", "x", 8, 3, S8),
        Slice("left", "first", 0, 4),
        Slice("right", "first", 4, 8),
        conv(rng, "second", "left", 4, 4, S8),
        Multiply("gate", ("right", "second"), S8),
        Concat("turned", ("right", "left", "gate"), S8),
        Slice("middle", "turned", 3, 9),
        Slice("inner", "middle", 1, 4),
        conv(rng, "third", "middle", 3, 6, S8),
        Add("sum", ("inner", "third"), S8),
        Slice("blue", "x", 2, 3),
        Multiply("soft", ("sum", "blue"), S8),
        Add("picture", ("x", "soft"), PIXEL),
        Repeat("large", "picture", 2),
        Slice("y", "large", 0, 2),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding)


def test_bytes_are_moved_and_the_rest_is_integer(picture):
    network = everything()
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["Slice"], counts["Split"]) == (4, 1)  # ONNX Runtime makes one of the two halves
    assert (counts["QLinearConv"], counts["QLinearMul"], counts["QLinearAdd"]) == (3, 2, 2)
    assert not {"Mul", "Conv", "Add", "DequantizeLinear", "QuantizeLinear"} & set(counts)
    assert float_islands(network, counts) == []
    expected = run_all(network, picture(9, 12), "int64")
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        found = witness.entire(picture(9, 12))
        for name, tensor in found.items():
            np.testing.assert_array_equal(tensor, expected[name], err_msg=f"{witness.name}: {name}")


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.DOUBLE})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_it_is_verified_and_each_slice_has_a_control(picture, rounding):
    network = everything(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    names = [control["name"] for control in verdict.controls]
    for layer in network.layers:
        assert (f"deliberate error in {layer.name}" in names) != isinstance(layer, Conv)


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
def test_a_slice_one_channel_off_in_the_file_is_found(picture, rounding):
    network = everything(rounding)
    model = to_onnx(network)
    for limit in ("start", "stop"):
        (tensor,) = (each for each in model.graph.initializer if each.name == f"inner.{limit}")
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 1, tensor.name))
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert verdict.rows["onnxruntime fused", "entire", "inner"].mismatches > 0
    assert verdict.rows["onnxruntime, the file", "entire", "y"].mismatches > 0
