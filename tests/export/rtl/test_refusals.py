"""What has no Verilog, and no model in C: what is asked for, and the line that says so."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.c.build import compile_c
from hwrts.export.c.traced import TracedModel
from hwrts.export.rtl import Settings, circuit_of
from hwrts.export.rtl.operators.conv import _check
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Format,
    HwrtsError,
    Input,
    MaxPool,
    Multiply,
    Network,
    Padding,
    Repeat,
    Slice,
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
            lambda folder: circuit(Slice("s", "x", 0, 1)),
            "rtl: layer 's': Slice has no Verilog yet; Conv, Add, Scale, PRelu, Multiply, Lookup, Clip, "
            "Reorder, DepthToSpace and Repeat have",
        ),
        (
            lambda folder: circuit(
                conv("c", "x", np.ones((1, 2, 3, 3))), Multiply("y", ("x", "c"), Format(True, 8, 9))
            ),
            "rtl: layer 'y': multiplies 2 and 1 channels; operands of different shapes have no Verilog yet",
        ),
        (
            lambda folder: circuit(conv("c", "x", np.ones((1, 2, 3, 3))), Add("y", ("x", "c"), PIXEL)),
            "rtl: layer 'y': adds 2 and 1 channels; operands of different shapes have no Verilog yet",
        ),
        (
            lambda folder: circuit(Repeat("r", "x", 2), replace(SAME, source="r")),
            "rtl: layer 'c': a convolution behind an enlargement has no Verilog yet; its source "
            "must be as large as the input",
        ),
        (
            lambda folder: _check(replace(SAME, stride=2), 1),
            "rtl: layer 'c': a convolution that makes another size than it reads has no Verilog "
            "yet; use stride 1 and pads that keep the size",
        ),
        (
            lambda folder: circuit(replace(SAME, padding=Padding.REFLECT)),
            "rtl: layer 'c': padding 'reflect' has no Verilog yet; use 'zero' or 'replicate'",
        ),
        (
            lambda folder: circuit(Add("y", ("x", "z"), PIXEL), inputs=(X, replace(X, name="z"))),
            "rtl: the network has 2 input(s) and 1 output(s); it can be one of each so far",
        ),
        (
            lambda folder: circuit(MaxPool("m", "x", (2, 2), 2)),
            "rtl: tensor 'm' has 2 channels at 1/2 times the input's size; so far it must be as "
            "large as the input, or a whole number of times as large",
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
