"""Every layer of a file for clients: in ONNX Runtime, and by the rule that its network was trained for."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hwrts.export.clients import under
from hwrts.export.targets import TARGETS, layers, target_file
from hwrts.export.targets.export import checked
from hwrts.export.targets.layers import Requantize, check_layers, unwitnessed
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Network,
    Rounding,
    RoundingRules,
    Upsample,
)

from ..fixed_point.random_networks import random_network

S8 = Format(True, 8, 7)
ZERO = np.zeros(2, np.int32)
FIRST = Conv("first", "x", np.array([[[[3]]], [[[-5]]]], np.int8), ZERO + 3, ZERO, S8)
SECOND = Conv("second", "first", np.array([[[[7]], [[9]]]] * 2, np.int8), ZERO + 4, ZERO, S8)
NETWORK = Network((Input("x", 1, S8),), (FIRST, SECOND, Add("y", ("first", "second"), replace(S8, frac=6))))
TIES = {  # of the accumulators -6, -2, 2, 6 of which two bits are dropped: -1.5, -0.5, 0.5, 1.5
    Rounding.HALF_EVEN: [-2, 0, 0, 2],
    Rounding.HALF_UP: [-1, 0, 1, 2],
    Rounding.HALF_AWAY: [-2, -1, 1, 2],
    Rounding.FLOOR: [-2, -1, 0, 1],
    Rounding.DOUBLE: [-2, -1, 1, 2],
}


@pytest.mark.parametrize("rule", Rounding)
def test_quantizelinear_by_each_rule_by_hand(rule):
    attributes = {"rule": rule.value, "units": [9], "drops": [2], "zero": 128}
    node = helper.make_node("Requantize", ["x", "scale", "zero"], ["y"], domain="hwrts", **attributes)
    names = {"x": TensorProto.FLOAT, "scale": TensorProto.FLOAT, "zero": TensorProto.UINT8}
    ends = [helper.make_tensor_value_info(name, kind, None) for name, kind in names.items()]
    out = helper.make_tensor_value_info("y", TensorProto.UINT8, None)
    versions = [helper.make_opsetid("", 19), helper.make_opsetid("hwrts", 1)]
    graph = helper.make_graph([node], "one", ends, [out])
    model = helper.make_model(graph, opset_imports=versions, ir_version=9)
    x = np.ldexp(np.array([-6, -2, 2, 6, -4000, 4000], np.float32), -9).reshape(1, 1, 1, 6)
    fed = {"x": x, "scale": np.float32(2**-7), "zero": np.uint8(128)}
    (found,) = ReferenceEvaluator(model, new_ops=[Requantize]).run(None, fed)
    assert (found.ravel().astype(int) - 128).tolist() == [*TIES[rule], -128, 127]
    with pytest.raises(HwrtsError, match="a sum between two units"):
        ReferenceEvaluator(model, new_ops=[Requantize]).run(None, {**fed, "x": x / 2 + np.float32(2**-11)})


@pytest.mark.parametrize("rules", ["half_even", "half_up", "half_even,floor", "half_away", "floor", "double"])
def test_each_layer_under_half_even_and_under_its_own_rule(rules):
    file = target_file(under(NETWORK, RoundingRules.parse(rules)), TARGETS["onnx"])
    found = check_layers(file, [])
    clients = ["onnxruntime, every layer"] + ["onnx.reference, every layer"] * (rules != "half_even")
    assert [each["client"] for each in found] == clients
    assert all(each["codes_differing"] == 0 < each["codes_compared"] for each in found)
    assert {each["layers"] for each in found} == {3}
    named = RoundingRules.parse(rules)
    last = (found[-1]["client_rounds_convolutions"], found[-1]["client_rounds_additions"])
    assert last == (named.convolutions.value, named.additions.value)


def test_a_middle_that_the_zero_point_adds_again():
    layers = (Upsample("y", "x", "bicubic_075", 2, PIXEL),)
    network = Network((Input("x", 1, PIXEL),), layers, Rounding.HALF_AWAY)
    file = target_file(network, TARGETS["onnx"])
    assert any(
        each.name.endswith("shifted_zero") for each in onnx.load_from_string(file.model).graph.initializer
    )
    assert [each["codes_differing"] for each in check_layers(file, [])] == [0, 0]


def test_what_no_witness_can_compute_is_said():
    """520 products of 255 and 127 are more than float32 holds, so its sums would be another's."""
    many = Conv("y", "x", np.full((1, 520, 1, 1), 127, np.int8), ZERO[:1] + 10, ZERO[:1], replace(S8, frac=1))
    for rules in ("half_even", "half_up"):
        network = Network((Input("x", 520, PIXEL),), (many,), Rounding(rules))
        found = check_layers(target_file(network, TARGETS["onnx"]), [])
        assert [each["client"] for each in found] == ["onnxruntime, every layer"]
    assert unwitnessed(network) == (
        "onnx.reference: not compared, so nothing here computed the file as half_up: float32 does not hold "
        "every sum of layer 'y'"
    )
    assert unwitnessed(under(network, RoundingRules.parse("half_even"))) is None
    assert unwitnessed(under(NETWORK, RoundingRules.parse("half_up"))) is None


def test_the_first_layer_that_differs_is_named():
    file = target_file(under(NETWORK, RoundingRules.parse("half_up")), TARGETS["onnx"])
    second = replace(SECOND, weight_i8=SECOND.weight_i8 ^ 1)
    other = replace(file, network=replace(file.network, layers=(FIRST, second, NETWORK.layers[2]), like=None))
    for each in check_layers(other, []):
        assert each["first_layer_that_differs"] == "second"
        assert each["codes_differing"] > 0


def test_another_rule_is_told_apart(monkeypatch):
    file = target_file(under(NETWORK, RoundingRules.parse("half_up")), TARGETS["onnx"])
    own = layers._rule
    monkeypatch.setattr(layers, "_rule", lambda *of: {**own(*of), "rule": "half_even"})
    runtime, numpy = check_layers(file, [])
    assert (runtime["first_layer_that_differs"], numpy["first_layer_that_differs"]) == (None, "first")


def test_means_bring_the_rule_of_the_network_with_them():
    pair = (FIRST, GlobalAverage("y", "first", S8))
    network = Network(NETWORK.inputs, pair, Rounding.HALF_EVEN, additions=Rounding.FLOOR)
    file = target_file(network, TARGETS["onnx"], (5, 7))
    entry = checked(file, [])
    assert entry["checks"] == []
    (said,) = entry["not_run"]
    assert said == (
        "onnxruntime: not compared: it rounds half_even, and the mean 'y' is written out with the network's "
        "half_even,floor"
    )
    (numpy,) = check_layers(file, [])
    assert (numpy["client"], numpy["codes_differing"]) == ("onnx.reference, every layer", 0)


def test_random_networks():
    rules = ("half_up", "half_even,floor", "double", "half_away", "double,half_away")
    references = 0
    for seed in range(15):
        network = under(random_network(seed), RoundingRules.parse(rules[seed % len(rules)]))
        found = check_layers(target_file(network, TARGETS["onnx"]), [])
        references += found[-1]["client"].startswith("onnx.reference")
        assert [each["codes_differing"] for each in found] == [0] * len(found), (seed, found)
    assert references > 10


def test_bytes_that_are_not_those_of_the_layers_are_refused():
    with pytest.raises(HwrtsError, match="--target iree: its layers are no bytes of theirs"):
        check_layers(target_file(NETWORK, TARGETS["iree"], (5, 7)), [])
