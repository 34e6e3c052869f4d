"""What has no Verilog, and no model in C: what is asked for, and the line that says so."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.c.build import compile_c
from hwrts.export.c.traced import TracedModel
from hwrts.export.rtl import Settings, circuit_of
from hwrts.fixed_point import (
    PIXEL,
    Add,
    GlobalAverage,
    HwrtsError,
    Input,
    Maximum,
    Network,
    Over,
    Repeat,
)

from ...fixed_point.build import conv

X = Input("x", 2, PIXEL)
SAME = conv("c", "x", np.ones((2, 2, 3, 3)))


def circuit(*layers, inputs=(X,), **settings):
    return circuit_of(Network(inputs, layers), Settings(**settings))


def compiler_that_is_not_there(folder):
    compile_c({}, (), folder / "model", str(folder / "cc"))


def model_that_fails(folder):
    model = TracedModel.__new__(TracedModel)  # one that is compiled never does
    model._network, model._program = Network((X,), (SAME,)), folder / "program"
    model._runner = (sys.executable, "-c", "import sys; sys.exit('no room')")
    model.tensors({"x": np.zeros((4, 6, 2), np.uint8)})


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda folder: circuit(SAME, widest=1), "rtl: frames of 1 columns are not supported; use 2..32767"),
        (
            lambda folder: circuit(replace(conv("c", "x", np.ones((2, 1, 3, 3))), groups=2), cycles=1),
            "rtl: layer 'c' has 2 groups, which take a clock each, not 1; allow more clocks for a pixel",
        ),
        (
            lambda folder: circuit(GlobalAverage("g", "x", PIXEL)),
            "rtl: layer 'g': GlobalAverage has no Verilog, for its first row may need the last one of the "
            "picture; use fixed factors, and means over some pixels",
        ),
        (
            lambda folder: circuit(Maximum("m", "x", Over.ROWS)),
            "rtl: layer 'm': a maximum over rows has no Verilog, for rows come one after the other; take it "
            "over channels, or use MaxPool",
        ),
        (
            lambda folder: circuit(Repeat("r", "x", 2), replace(SAME, source="r"), cycles=3),
            "rtl: layer 'c' makes 4 pixels for each of the input, which take a clock each, not 3; allow more "
            "clocks for a pixel",
        ),
        (
            lambda folder: circuit(Add("y", ("x", "z"), PIXEL), inputs=(X, replace(X, name="z", whole=True))),
            "rtl: input 'z' has one pixel for a whole picture, and a circuit takes rows of all of its "
            "inputs; make it a constant, or an input as large as the picture",
        ),
        (
            compiler_that_is_not_there,
            "C model: F/cc cannot be run ([Errno 2] No such file or directory: 'F/cc'); use gcc or clang "
            "by the variable CC",
        ),
        (model_that_fails, "C model: a picture of 4x6 ends with exit 1 (no room)"),
    ],
)
def test_a_refusal_is_one_line(does, message, tmp_path):
    with pytest.raises(HwrtsError) as caught:
        does(tmp_path)
    assert str(caught.value).replace(str(tmp_path), "F") == message
