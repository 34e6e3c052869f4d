import itertools
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export import NumpyWitness, to_onnx
from hwrts.export.compare import Row, compare
from hwrts.export.controls import negative_controls, witness_controls
from hwrts.export.stimuli import noise_codes
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import (
    OPERATORS,
    PIXEL,
    Add,
    Along,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Network,
    Over,
    Places,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Rounding,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
    run_all,
    weight_limit,
)
from hwrts.fixed_point.operators import Layer

from ..fixed_point.random_networks import random_codes, random_network


@pytest.mark.parametrize("seed", range(4))
def test_every_control_is_caught(anchor, picture, seed):
    network = anchor(seed)
    controls, untold = negative_controls(network, run_all(network, picture(24, 25, seed), "int64"))
    assert untold == []
    assert [control["name"].split(",")[0] for control in controls] == [
        *(f"flipped weight bit in {conv.name}" for conv in network.convs),
        "rounding half_up in first",
        *(f"deliberate error in {layer.name}" for layer in network.layers if not isinstance(layer, Conv)),
    ]
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
    controls, untold = negative_controls(network, run_all(network, np.zeros((4, 4, 3), np.uint8), "int64"))
    assert controls[0]["name"] == "flipped weight bit in c, built border"
    assert all(control["caught"] for control in controls)
    assert len(controls) == (1 if shift == 0 else 2)  # without a shift there is no rounding to get wrong
    assert len(controls) + len(untold) == 2


FORMATS = [Format(signed, bits, 4) for signed in (False, True) for bits in range(2, 9)]
SHIFTS = [-6, -2, -1, 0, 1, 2, 5, 12, 24, 30, 31]


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("source", FORMATS, ids=str)
@pytest.mark.parametrize("weight_bits", [2, 3, 8])
def test_controls_of_idle_layers_change_a_code(rounding, source, weight_bits):
    """Every source format, rule and shift, and results of 2 bits: one flip moves a code, one tie another.

    "FAILED: 0 codes differ" said a verdict on 2-bit signed sources: their largest code is 1, and both sides
    of the flip rounded to the same code. At a shift of 31 a control passed 2^31, a traceback or an error.
    """
    rng = np.random.default_rng([source.bits, weight_bits])
    limit, zero = weight_limit(weight_bits), np.zeros(2, np.int32)
    for shift, signed in itertools.product(SHIFTS, (False, True)):
        out = Format(signed, 2, 0)
        weight = rng.integers(-limit, limit, (2, 2, 1, 1), endpoint=True).astype(np.int8)
        conv = Conv("c", "x", weight, zero + shift - source.frac, zero, out, weight_bits)
        network = Network((Input("x", 2, source),), (conv,), rounding)
        idle = run_all(network, np.zeros((3, 3, 2), source.dtype), "int64")
        controls, untold = negative_controls(network, idle)
        assert all(control["caught"] for control in controls), (shift, out, weight)
        always_0 = rounding is Rounding.FLOOR and shift == 31 and not signed
        assert [reason.partition(":")[0] for reason in untold] == (
            ["flipped weight bit in c, built border"] * always_0 + ["another rounding rule"] * (shift < 1)
        )
        assert len(controls) + len(untold) == 2


@pytest.mark.parametrize("seed", range(150))
def test_controls_of_random_networks_of_two_bits_change_a_code(seed):
    """With few codes many errors are not seen, and some networks have no convolution, or no rounding."""
    network = random_network([seed, 2], widest=2)
    codes = random_codes(network, 5, 6, seed)
    controls, untold = negative_controls(network, run_all(network, codes, "int64"))
    assert controls
    assert all(control["caught"] for control in controls)
    assert len(controls) + len(untold) >= len(network.convs) + 1


def test_double_is_told_from_half_away_right_below_a_tie():
    """They agree on every tie."""
    frac, zero = np.full(1, 3, np.int32), np.zeros(1, np.int32)
    conv = Conv("c", "x", np.ones((1, 1, 1, 1), np.int8), frac, zero, Format(True, 8, 8))
    network = Network((Input("x", 1, PIXEL),), (conv,), Rounding.DOUBLE)
    controls, untold = negative_controls(network, run_all(network, np.zeros((2, 2, 1), np.uint8)))
    assert [control["name"] for control in controls][1:] == [
        "rounding half_away in c, built right below ties"
    ]
    assert controls[1]["mismatches"] == controls[1]["compared"] == 1
    assert not untold


@pytest.mark.parametrize(("rounding", "additions"), list(itertools.permutations(Rounding, 2)))
def test_the_rule_of_convolutions_in_an_addition_is_caught(rounding, additions):
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    layers = (
        Scale("t", "x", 85, 7, Format(True, 8, 9)),
        Add("s", ("x", "t"), Format(True, 8, 6), negated=True),
    )
    network = Network((Input("x", 1, PIXEL),), layers, rounding, additions=additions)
    controls, untold = negative_controls(network, run_all(network, codes))
    assert not untold
    named = {control["name"]: control["caught"] for control in controls}
    assert named[f"rounding {rounding.value} in s"]
    assert all(named.values())
    assert len(named) == 4


def test_two_rules_that_nothing_tells_apart_are_said():
    layers = (Scale("t", "x", 3, 2, PIXEL), Add("s", ("x", "t"), PIXEL))
    network = Network((Input("x", 1, PIXEL),), layers, additions=Rounding.FLOOR)
    _, untold = negative_controls(network, run_all(network, np.zeros((2, 2, 1), np.uint8)))
    assert untold == ["rounding of convolutions in additions: no input of any tells the two rules apart"]


def _of(*layers) -> Network:
    return Network((Input("x", 3, PIXEL),), layers)


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (_of(Scale("s", "x", 3, 2, PIXEL)), "rounding half_up in s"),
        (_of(Scale("s", "x", 3, 0, PIXEL)), None),
        (_of(Add("s", ("x", "x"), Format(False, 8, 7))), None),  # x + x is never odd
        (
            _of(Scale("t", "x", 1, 0, PIXEL), Add("s", ("x", "t"), Format(False, 8, 7))),
            "rounding half_up in s",
        ),
        (_of(Repeat("s", "x", 2)), None),
        (_of(Upsample("s", "x", "bilinear", 2, PIXEL)), "rounding half_up in s"),
    ],
)
def test_networks_without_a_convolution_have_a_control(network, name):
    """They had none, and a verdict without a control is no pass."""
    controls, _ = negative_controls(network, run_all(network, np.full((4, 4, 3), 255, np.uint8), "int64"))
    names = [name] if name else []  # of the rounding rule, where any input tells two apart
    names += [f"deliberate error in {layer.name}" for layer in network.layers]
    assert [(control["name"], control["caught"]) for control in controls] == [(each, True) for each in names]


def test_where_nothing_can_be_told_a_code_is_off_by_one():
    """No code of an unsigned tensor is below zero, so no slope is used and nothing is rounded."""
    network = _of(PRelu("s", "x", np.full(3, 33, np.int8), 6, PIXEL))
    controls, untold = negative_controls(
        network, run_all(network, np.full((4, 4, 3), 255, np.uint8), "int64")
    )
    assert [(each["name"], each["caught"]) for each in controls] == [("one code off by one in s", True)]
    assert len(untold) == 2


@pytest.mark.parametrize(
    "layer",
    [
        Add("y", ("x", "x"), PIXEL),
        Scale("y", "x", 3, 2, PIXEL),
        Scale("y", "x", 1, 0, PIXEL),
        Repeat("y", "x", 2),
        DepthToSpace("y", "x", 2),
        PRelu("y", "x", np.full(4, 33, np.int8), 6, PIXEL),
        Upsample("y", "x", "bilinear", 4, PIXEL),
        Concat("y", ("x", "x"), PIXEL),
        Multiply("y", ("x", "x"), Format(True, 8, 14)),
        Clip("y", "x", 0, 1),
        Lookup("y", "x", np.arange(256, dtype=np.int16) // 3, Format(False, 7, 3)),
        Slice("y", "x", 1, 3),
        MaxPool("y", "x", (2, 3), 2, (0, 1, 0, 1)),
        SpaceToDepth("y", "x", 2),
        GlobalAverage("y", "x", Format(True, 8, 7)),
        Resize("y", ("x",), Format(True, 8, 7), Places.CORNERS, 2),
        Resize("y", ("x", "x"), Format(True, 8, 7), Places.NEAREST),
        GlobalAverage("y", "x", Format(True, 8, 8), Along.ROWS),
        GlobalAverage("y", "x", Format(True, 8, 8), Along.COLUMNS),
        Maximum("y", "x", Over.ROWS),
        Maximum("y", "x", Over.COLUMNS),
        Maximum("y", "x", Over.CHANNELS),
        Maximum("y", "x", Over.PICTURE),
        Reorder("y", "x", np.array([2, 0, 3, 1], np.int32)),
        Conv("y", "x", np.ones((2, 4, 3, 3), np.int8), np.full(2, 5, np.int32), np.zeros(2, np.int32), PIXEL),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("source", [PIXEL, Format(True, 8, 8), Format(True, 2, 8)], ids=str)
def test_the_comparison_sees_the_deliberate_error_of_every_operator(layer, source):
    """And everything legal of it is seen by each path that computes it instead of the right one."""
    if isinstance(layer, PRelu) and not source.signed:
        return  # no code is below zero, so no slope is used
    assert isinstance(layer, Layer)
    if isinstance(layer, Lookup):
        layer = replace(layer, table_i16=layer.table_i16[: 1 << source.bits])
    elif not isinstance(
        layer, DepthToSpace | Repeat | Clip | Slice | Reorder | MaxPool | SpaceToDepth | Maximum
    ):
        layer = replace(layer, out=replace(layer.out, signed=True))
    network = Network((Input("x", 4, source),), (layer,))
    x = noise_codes(4, source, network.legal_size(17, 19))
    tensors = run_all(network, x, "int64")
    xs = [x] * len(layer.sources)
    broken = layer.corrupted(xs, tensors["y"])
    found = broken.define(xs, [source] * len(xs), network.rounding)
    row = compare(Row("control", "single", "y"), network, "noise", tensors["y"], found, tensors)
    assert row.mismatches > 0
    assert (
        compare(Row("none", "single", "y"), network, "noise", tensors["y"], tensors["y"], tensors).first
        is None
    )
    if type(broken) is type(layer):
        other = network.exchanged(broken)
        for witness in (
            NumpyWitness(other, "fast"),
            *onnx_witnesses(other, to_onnx(other).SerializeToString()),
        ):
            seen = witness.single("y", {"x": x})
            assert np.array_equal(seen, found), witness.name


def test_every_operator_has_a_deliberate_error_above():
    layers = test_the_comparison_sees_the_deliberate_error_of_every_operator.pytestmark[-1].args[1]
    assert {type(layer) for layer in layers} == set(OPERATORS.values())


def test_flipped_weights_stay_symmetric():
    """The code -2**(bits-1) does not exist: a flip at the end of the range goes the other way."""
    weight = np.full((1, 1, 1, 1), -127, np.int8)
    zero = np.zeros(1, np.int32)
    for code in (-127, 127, 126, -126, 0, 1):
        conv = Conv("c", "x", weight * 0 + np.int8(code), zero + 4, zero, Format(True, 8, 4))
        network = Network((Input("x", 1, PIXEL),), (conv,))
        tensors = run_all(network, np.arange(25, dtype=np.uint8).reshape(5, 5, 1) * 10, "int64")
        assert all(control["caught"] for control in negative_controls(network, tensors)[0])


def test_each_kind_of_witness_sees_a_flipped_bit(anchor, picture):
    network = anchor()
    pixels = picture(21, 23)
    found = witness_controls(network, pixels, run_all(network, pixels, "int64"))
    assert [entry["name"].partition("computed by ")[2] for entry in found] == [
        "numpy fast",
        "onnxruntime fused",
        "onnxruntime unfused",
        "onnx.reference",
    ]
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
