from dataclasses import replace

import numpy as np
import pytest

from hwrts.export import NumpyWitness
from hwrts.export.controls import negative_controls, witness_controls
from hwrts.fixed_point import PIXEL, Conv, Format, Input, Network, Rounding, run_all


@pytest.mark.parametrize("seed", range(4))
def test_every_control_is_caught(anchor, picture, seed):
    network = anchor(seed)
    controls = negative_controls(network, run_all(network, picture(24, 25, seed), "int64"))
    assert [control["name"].split(",")[0] for control in controls] == [
        *(f"flipped weight bit in {conv.name}" for conv in network.convs), "rounding half_up in first",
    ]  # fmt: skip
    for control in controls:
        assert control["caught"], control
        assert 0 < control["mismatches"] <= control["compared"]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [0, 1, 3, 8, 20])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("weight", [0, 1, -1, 2, 7, -7, -6])
def test_idle_layers_are_tried_at_a_rounding_border(rounding, shift, signed, weight):
    """A picture of zeros moves no code, whatever the weight: an untrained residual is such a picture.

    Its control was "not caught", and the verdict of a correct network FAILED.
    """
    frac, zero = np.full(2, shift, np.int32), np.zeros(2, np.int32)
    conv = Conv(
        "c", "x", np.full((2, 3, 3, 3), weight, np.int8), frac, zero, replace(PIXEL, signed=signed), 4
    )
    network = Network((Input("x", 3, PIXEL),), (conv,), rounding)
    controls = negative_controls(network, run_all(network, np.zeros((4, 4, 3), np.uint8), "int64"))
    assert controls[0]["name"] == "flipped weight bit in c, built border"
    assert all(control["caught"] for control in controls)
    assert len(controls) == (1 if shift == 0 else 2)  # without a shift there is no rounding to get wrong


def test_flipped_weights_stay_symmetric():
    """The code -2**(bits-1) does not exist: a flip at the end of the range goes the other way."""
    weight = np.full((1, 1, 1, 1), -127, np.int8)
    zero = np.zeros(1, np.int32)
    for code in (-127, 127, 126, -126, 0, 1):
        conv = Conv("c", "x", weight * 0 + np.int8(code), zero + 4, zero, Format(True, 8, 4))
        network = Network((Input("x", 1, PIXEL),), (conv,))
        tensors = run_all(network, np.arange(25, dtype=np.uint8).reshape(5, 5, 1) * 10, "int64")
        assert all(control["caught"] for control in negative_controls(network, tensors))


def test_each_kind_of_witness_sees_a_flipped_bit(anchor, picture):
    network = anchor()
    pixels = picture(21, 23)
    found = witness_controls(network, pixels, run_all(network, pixels, "int64"))
    assert [entry["name"].partition("computed by ")[2] for entry in found] == [
        "numpy fast", "onnxruntime fused", "onnxruntime unfused", "onnx.reference",
    ]  # fmt: skip
    assert all(entry["caught"] and entry["mismatches"] > 0 for entry in found)


def test_a_witness_that_repeats_the_definition_is_found_out(anchor, picture, monkeypatch):
    network = anchor()
    pixels = picture(21, 23)
    tensors = run_all(network, pixels, "int64")
    monkeypatch.setattr(NumpyWitness, "entire", lambda self, picture: tensors)
    found = witness_controls(network, pixels, tensors)
    caught = {entry["name"].partition("computed by ")[2]: entry["caught"] for entry in found}
    assert not caught["numpy fast"]
    assert caught["onnxruntime fused"]
