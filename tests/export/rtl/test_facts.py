"""What the circuit is told by facts of the operators: squares that are parted, words that pipelines hold."""

import subprocess

import numpy as np
import pytest

from hwrts.export.rtl.stream import streams_of
from hwrts.export.rtl.templates import library
from hwrts.export.rtl.times import WORDS, times_of
from hwrts.fixed_point import (
    Clip,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    MaxPool,
    Network,
    Places,
    Repeat,
    Resize,
    Scale,
    SpaceToDepth,
    Upsample,
)

from .simulate import needs

U8 = Format(False, 8, 8)
ZERO = np.zeros(1, np.int32)


def behind_squares(layer):
    return Network((Input("x", 4, U8),), (DepthToSpace("square", "x", 2), layer))


@pytest.mark.parametrize(
    ("layer", "parted"),
    [
        (Conv("y", "square", np.ones((1, 1, 1, 1), np.int8), ZERO, ZERO, U8), True),
        (MaxPool("y", "square", (1, 1), 1), True),
        (MaxPool("y", "square", (1, 2), 1), True),
        (Upsample("y", "square", "bilinear", 2, U8), True),
        (SpaceToDepth("y", "square", 2), True),
        (GlobalAverage("y", "square", U8), True),
        (Resize("y", ("square",), U8, Places.CENTRES, 2), True),
        (Clip("y", "square", 0, 9), False),
        (Repeat("y", "square", 2), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_squares_are_parted_for_a_kernel(layer, parted):
    assert (streams_of(behind_squares(layer)).parted == ("square",)) == parted


@pytest.mark.parametrize(
    ("layer", "held"),
    [
        (Repeat("y", "square", 2), 0),
        (Scale("y", "square", 3, 1, U8), WORDS),
        (MaxPool("y", "square", (2, 2), 1), WORDS),
        (Upsample("y", "square", "bilinear", 2, U8), WORDS + 2),  # sums down, then along
        (Resize("y", ("square",), U8, Places.CENTRES, 2), WORDS + 2),
    ],
    ids=lambda each: type(each).__name__,
)
def test_words_that_a_pipeline_holds(layer, held):
    network = behind_squares(layer)
    assert times_of(network, streams_of(network), {}, tallest=8).held == {"square": 0, "y": held}


def test_verilator_reads_every_module(tmp_path):
    """As SystemVerilog, whose keywords are more."""
    for name, text in library().items():
        (tmp_path / name).write_text(text)
    command = [needs("verilator"), "--lint-only", "-Wno-lint", "--top-module", "hwrts_sum", *library()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
