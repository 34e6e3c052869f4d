"""Operators that move, compare, join and interpolate as circuits: alone, by every rule, in squares."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    Layer,
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
)

from .build import S8, U8, random_conv, single
from .simulate import assert_exact

S6, S5 = Format(True, 6, 4), Format(True, 5, 3)
RNG = np.random.default_rng(7)


def behind_an_enlargement(layer, channels, source, rounding=Rounding.HALF_EVEN):
    """What reads squares of four pixels in a word."""
    layers = DepthToSpace("up", "x", 2), replace(layer, source="up")
    return Network((Input("x", 4 * channels, source),), layers, rounding)


@pytest.mark.parametrize("over", [None, Over.CHANNELS], ids=["slice", "maximum"])
@pytest.mark.parametrize("source", [S6, U8], ids=str)
@pytest.mark.in_turns
def test_codes_that_are_passed_on(tmp_path, over, source):
    layer = Slice("y", "x", 1, 4) if over is None else Maximum("y", "x", over)
    assert_exact(tmp_path / "alone", single(layer, 5, source), [(1, 1), (3, 4)])
    assert_exact(tmp_path / "behind", behind_an_enlargement(layer, 5, source), [(2, 3)])


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.usually(rounding=Rounding.HALF_AWAY)
def test_concatenation_of_three_grids(tmp_path, rounding):
    """Of 2, 3 and 4 channels; one coarser, one finer, one that is shifted to the left."""
    layers = (
        random_conv(RNG, "a", "x", 2, 4, 1, S5),
        random_conv(RNG, "b", "x", 3, 4, 1, Format(False, 8, 9)),
        Concat("y", ("a", "b", "x"), Format(True, 9, 7)),
    )
    assert_exact(tmp_path, Network((Input("x", 4, S6),), layers, rounding), [(1, 1), (3, 5)])


def test_concatenation_in_squares_and_twice_of_one_tensor(tmp_path):
    layers = (
        DepthToSpace("a", "x", 2),
        Slice("b", "a", 0, 1),
        Concat("y", ("b", "a", "b"), PIXEL),
    )
    assert_exact(tmp_path, Network((Input("x", 8, PIXEL),), layers), [(1, 1), (2, 3)])


@pytest.mark.parametrize("kind", [Add, Multiply])
@pytest.mark.parametrize("one", ["first", "second"])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_an_operand_of_one_channel_meets_all_of_the_other(tmp_path, kind, one, rounding):
    """A mask behind a window, which the picture waits for."""
    mask = random_conv(RNG, "m", "x", 1, 3, 3, S8)
    sources = ("m", "x") if one == "first" else ("x", "m")
    network = Network((Input("x", 3, S6),), (mask, kind("y", sources, Format(True, 8, 6))), rounding)
    assert_exact(tmp_path, network, [(1, 1), (3, 4)])


POOLS = {
    "3x3": MaxPool("y", "x", (3, 3), 1, (1, 1, 1, 1)),
    "2x2, half the size": MaxPool("y", "x", (2, 2), 2),
    "3x3, half the size": MaxPool("y", "x", (3, 3), 2, (1, 1, 1, 1)),
    "1x3": MaxPool("y", "x", (1, 3), 1, (0, 2, 0, 0)),
    "4x2, a third": MaxPool("y", "x", (4, 2), 3, (1, 0, 0, 0)),
}


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("source", [S6, U8], ids=str)
@pytest.mark.in_turns
def test_largest_codes_under_a_window(tmp_path, case, source):
    assert_exact(tmp_path, single(POOLS[case], 3, source), [(1, 1), (1, 5), (5, 6)])


@pytest.mark.parametrize("block", [2, 3, 4])
@pytest.mark.usually(block=2)
def test_squares_become_channels(tmp_path, block):
    assert_exact(tmp_path, single(SpaceToDepth("y", "x", block), 2, S6), [(1, 1), (8, 12)])


@pytest.mark.parametrize(
    ("kind", "factor"), [("bilinear", 2), ("bicubic", 3), ("bicubic_075", 2), ("bilinear", 4)]
)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_interpolation(tmp_path, kind, factor, rounding):
    """Taps below zero, sums beyond the format, and an edge that is repeated."""
    layer = Upsample("y", "x", kind, factor, Format(True, 6, 5))
    assert_exact(tmp_path, single(layer, 2, S6, rounding), [(1, 1), (3, 4)])


def table(source, out):
    return RNG.integers(out.min, out.max, 1 << source.bits, endpoint=True).astype(np.int16)


def two(layer):
    """Of two inputs, each over the whole range of its format."""
    return Network((Input("x", 3, S6), Input("z", 3, U8)), (layer,))


EVERY = {
    Conv: single(random_conv(RNG, "y", "x", 3, 3, 3, S8), 3, S6),
    Add: two(Add("y", ("x", "z"), S8)),
    Multiply: two(Multiply("y", ("x", "z"), Format(True, 8, 5))),
    Concat: two(Concat("y", ("x", "z"), Format(True, 8, 6))),
    Scale: single(Scale("y", "x", -93, 7, S5), 3, S6),
    PRelu: single(PRelu("y", "x", np.array([-127, 1, 90], np.int8), 6, S5), 3, S6),
    Lookup: single(Lookup("y", "x", table(S6, S5), S5), 3, S6),
    Clip: single(Clip("y", "x", -7, 20), 3, S6),
    Reorder: single(Reorder("y", "x", np.array([2, 0, 0, 1], np.int32)), 3, S6),
    Slice: single(Slice("y", "x", 1, 3), 3, S6),
    Maximum: single(Maximum("y", "x", Over.CHANNELS), 3, S6),
    MaxPool: single(MaxPool("y", "x", (3, 3), 2, (1, 1, 1, 1)), 3, S6),
    DepthToSpace: single(DepthToSpace("y", "x", 2), 4, S6),
    SpaceToDepth: single(SpaceToDepth("y", "x", 2), 3, S6),
    Repeat: single(Repeat("y", "x", 3), 3, S6),
    Upsample: single(Upsample("y", "x", "bicubic", 2, Format(True, 6, 5)), 3, S6),
    Resize: single(Resize("y", ("x",), Format(True, 6, 5), Places.CENTRES, 2), 3, S6),
    GlobalAverage: single(GlobalAverage("y", "x", Format(True, 6, 6)), 3, S6),
}


def test_every_operator_is_there():
    """Of some of them not every form is (test_refusals.py)."""
    assert set(EVERY) == set(get_args(Layer))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_a_picture_of_one_pixel_and_those_of_one_row_or_column(tmp_path, kind):
    """Or of the smallest that the network takes."""
    assert_exact(tmp_path, EVERY[kind], [(1, 1), (1, 3), (3, 1)])


@pytest.mark.slow  # ten seconds each
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_large_frames(tmp_path, kind, rounding):
    """48 rows of 64 columns, as wide as the memories; and one row, one column."""
    network = replace(EVERY[kind], rounding=rounding, additions=rounding)
    assert_exact(tmp_path, network, [(48, 64), (1, 64), (48, 1)], cycles=9, widest=64)
