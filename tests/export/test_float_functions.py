"""Functions in the float file are torch's, and so are means over the picture; the rest is refused by name."""

import math
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from hwrts.export.float_functions import has_form, written
from hwrts.export.runtime import open_session
from hwrts.export.targets.float_file import float_model
from hwrts.fixed_point import (
    PIXEL,
    Along,
    Conv,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Network,
    Upsample,
)
from hwrts.graph.operators.functions import TAKES, VALUES, Name

POSITIVE = ("sqrt", "log", "log2", "log10", "log1p", "reciprocal", "rsqrt", "power")
WITHOUT = {"threshold", "gt", "ge", "lt", "le"}
S8 = Format(True, 8, 5)


@pytest.mark.parametrize("name", get_args(Name))
def test_each_function_is_torchs(name):
    numbers = {key: value for key, value in TAKES.get(name, {}).items() if key != "approximate"}
    numbers |= {key: 0.7 for key in ("alpha", "beta", "lambd", "numerator") if key in numbers}
    assert has_form(name, numbers) is (name not in WITHOUT)
    if name in WITHOUT:
        return
    x = np.linspace(0.05 if name in POSITIVE else -6, 6, 97, dtype=np.float32).reshape(1, 1, 1, -1)
    made = written(name, numbers, "f", "x", "y")
    ends = [helper.make_tensor_value_info(each, TensorProto.FLOAT, [1, 1, 1, 97]) for each in ("x", "y")]
    constants = [numpy_helper.from_array(value, key) for key, value in made.constants.items()]
    graph = helper.make_graph(made.nodes, "f", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    (found,) = open_session(model.SerializeToString()).run(None, {"x": x})
    wanted = VALUES[name](torch.from_numpy(x), *numbers.values()).numpy()
    assert np.abs(found - wanted).max() <= 2e-6 * max(1, np.abs(wanted).max())


def test_a_softplus_that_is_cut_early_has_no_form():
    assert not has_form("softplus", {"beta": 1.0, "threshold": 3.0})


def test_tables_and_means_in_a_float_file():
    table = np.zeros(256, np.int16)
    layers = (Lookup("l", "x", table, S8), GlobalAverage("m", "l", S8))
    network = Network((Input("x", 2, PIXEL),), layers, outputs=("l", "m"))
    model = float_model(network, {}, functions={"l": ("tanh", {})})
    assert [node.op_type for node in model.graph.node] == ["Tanh", "GlobalAveragePool"]
    x = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)
    tanh, mean = open_session(model.SerializeToString()).run(["l.real", "m.real"], {"x.float": x})
    assert np.abs(tanh - np.tanh(x)).max() < 1e-6
    assert np.abs(mean - np.tanh(x).mean((2, 3), keepdims=True)).max() < 1e-6
    assert math.isclose(float(mean[0, 0, 0, 0]), float(np.tanh(x)[0, 0].mean()), rel_tol=1e-5)


@pytest.mark.parametrize("out", [PIXEL, Format(False, 8, 9)])
def test_bicubic_interpolation_is_torchs(out):
    network = Network((Input("x", 1, PIXEL),), (Upsample("y", "x", "bicubic_075", 2, out),))
    model = float_model(network, {}, clamped=())
    assert [node.op_type for node in model.graph.node] == ["Resize", "Relu"]
    x = np.random.default_rng(0).random((1, 1, 5, 6), np.float32)
    (found,) = open_session(model.SerializeToString()).run(None, {"x.float": x})
    wanted = torch.nn.functional.interpolate(torch.from_numpy(x), scale_factor=2, mode="bicubic").numpy()
    assert np.abs(found - np.maximum(wanted, 0)).max() < 1e-6


def test_a_tensor_without_a_relu_is_clamped_where_it_comes_out_alone():
    def conv(name, source, weight):
        zero = np.zeros(1, np.int32)
        return Conv(name, source, np.full((1, 1, 1, 1), weight, np.int8), zero + 7, zero, PIXEL)

    layers = (conv("a", "x", -64), conv("b", "a", -64))
    network = Network((Input("x", 1, PIXEL),), layers, outputs=("a", "b"))
    weights = {each.name: (np.array([[[[-0.5]]]]), np.zeros(1)) for each in layers}
    x = np.array([[[[0.25, 1.0]]]], np.float32)
    for clamped, b in (({}, [0.0625, 0.25]), ({"a"}, [0, 0])):
        model = float_model(network, weights, clamped=clamped)
        found = open_session(model.SerializeToString()).run(["a.real", "b.real"], {"x.float": x})
        assert [each.ravel().tolist() for each in found] == [[0, 0], b]


@pytest.mark.parametrize(
    ("layer", "functions"),
    [
        (Lookup("y", "x", np.zeros(256, np.int16), S8), {}),
        (Lookup("y", "x", np.zeros(256, np.int16), S8), {"y": ("gt", {"threshold": 0.0})}),
        (GlobalAverage("y", "x", S8, along=Along.ROWS), {}),
    ],
)
def test_what_has_no_form_is_refused(layer, functions):
    network = Network((Input("x", 1, PIXEL),), (layer,))
    with pytest.raises(HwrtsError, match=r"^--target float: layer 'y' is a (Look|Global)"):
        float_model(network, {}, functions=functions)
