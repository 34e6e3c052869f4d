"""Refusals that the tests of each operator do not end in: what is done, and the line that it gives."""

from dataclasses import replace

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    GlobalAverage,
    HwrtsError,
    Input,
    LineRun,
    Maximum,
    MaxPool,
    Network,
    Repeat,
    Rounding,
    SpaceToDepth,
)

from .build import conv

X = Input("x", 3, PIXEL)
GOOD = conv("c", "x", np.ones((2, 3, 3, 3)))
NETWORK = Network((X,), (GOOD,))
TWICE = Input("z", 3, PIXEL, grow=2)


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            lambda: Network((X, replace(TWICE, shrink=3)), (GOOD,)),
            "input 'z': is 2/3 times as large as the first; a whole number of times as large or as small is "
            "supported",
        ),
        (
            lambda: Network((X,), (GOOD,), outputs=("x",)),
            "network: its output 'x' is made by no layer; name layers as outputs",
        ),
        (
            lambda: Network((X,), (GOOD,), outputs=("c", "c")),
            "network: its output 'c' is named twice; name each layer once",
        ),
        (lambda: NETWORK.layer("d"), "network: no layer named 'd'; it has c"),
        (
            lambda: Network((X,), (replace(conv("c", "x", np.ones((3, 3, 3, 3))), groups=2),)),
            "layer 'c': 3 output channels do not divide into 2 groups; use a divisor",
        ),
        (
            lambda: Network((X,), (MaxPool("m", "x", (2, 2), 2, pads=(0, 0)),)),  # type: ignore[arg-type]
            "layer 'm': pads (0, 0) are not (top, left, bottom, right)",
        ),
        (
            lambda: Network((X,), (Maximum("m", "x", "rows"),)),  # type: ignore[arg-type]
            "layer 'm': a maximum over 'rows'; use Over.CHANNELS, Over.PICTURE, Over.ROWS, Over.COLUMNS",
        ),
        (
            lambda: SpaceToDepth("s", "x", 2).define(
                [np.zeros((4, 3, 3), np.uint8)], [PIXEL], Rounding.FLOOR
            ),
            "layer 's': its source is 4x3; use multiples of 2",
        ),
        (
            lambda: LineRun(Network((X,), (GlobalAverage("m", "x", PIXEL),))),
            "stream: layer 'm' is made of the whole picture, so no row of the output can come before the "
            "last row of the input; run whole pictures (fixed_point.run, ONNX)",
        ),
        (
            lambda: LineRun(Network((X, TWICE), (Repeat("r", "x", 2), replace(GOOD, source="z")))),
            "stream: input 'z' has another size than the first, so their rows do not come together; run "
            "whole pictures (fixed_point.run, ONNX)",
        ),
    ],
)
def test_a_refusal_is_one_line(does, message):
    with pytest.raises(HwrtsError) as caught:
        does()
    assert str(caught.value) == message
