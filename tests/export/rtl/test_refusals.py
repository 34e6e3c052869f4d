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
    Along,
    GlobalAverage,
    HwrtsError,
    Input,
    Maximum,
    Network,
    Over,
    Places,
    Repeat,
    Resize,
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
        (lambda folder: circuit(SAME, tallest=0), "rtl: frames of 0 rows are not supported; use 1 or more"),
        (
            lambda folder: circuit(replace(conv("c", "x", np.ones((2, 1, 3, 3))), groups=2), cycles=1),
            "rtl: layer 'c' has 2 groups, which take a clock each, not 1; allow more clocks for a pixel",
        ),
        (
            lambda folder: circuit(GlobalAverage("g", "x", PIXEL, Along.COLUMNS)),
            "rtl: layer 'g': a mean along columns has no Verilog, for it would keep a sum for every column "
            "until the last row; take it along rows, or over the picture",
        ),
        (
            lambda folder: circuit(Maximum("m", "x", Over.COLUMNS)),
            "rtl: layer 'm': a maximum along columns has no Verilog, for it would keep a sum for every "
            "column until the last row; take it along rows, or over the picture",
        ),
        (
            lambda folder: circuit(Resize("r", ("x",), PIXEL, Places.CORNERS, 2)),
            "rtl: layer 'r': this Resize has no Verilog, for which rows it reads depends on the size of the "
            "picture; resize by a whole factor, by centres or to the nearest, what no convolution without "
            "padding has made smaller",
        ),
        (
            lambda folder: circuit(Repeat("r", "x", 2), replace(SAME, source="r"), cycles=3),
            "rtl: layer 'c' makes 4 pixels for each of the input, which take a clock each, not 3; allow more "
            "clocks for a pixel",
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
