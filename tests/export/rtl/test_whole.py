"""Tensors of one pixel for a whole picture, and what is known when the picture has passed, as circuits."""

import numpy as np
import pytest

from hwrts.fixed_point import (
    Add,
    Along,
    Clip,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    Maximum,
    Multiply,
    Network,
    Over,
    Places,
    Resize,
    Rounding,
    SpaceToDepth,
)

from .build import S8, U8, random_conv, single
from .simulate import assert_exact

S6 = Format(True, 6, 4)
X, GAINS = Input("x", 3, S6), Input("z", 3, U8, whole=True)
RNG = np.random.default_rng(11)


@pytest.mark.parametrize("kind", [Add, Multiply])
@pytest.mark.parametrize("sources", [("x", "z"), ("z", "x")], ids="-".join)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_a_pixel_meets_all_of_a_picture(tmp_path, kind, sources, rounding):
    network = Network((X, GAINS), (kind("y", sources, Format(True, 8, 5)),), rounding, additions=rounding)
    assert_exact(tmp_path, network, [(1, 1), (3, 4), (1, 5)])


def test_a_pixel_of_one_channel_meets_squares(tmp_path):
    """Behind an enlargement, where four pixels are in a word, and in front of one that parts them."""
    layers = (
        DepthToSpace("up", "x", 2),
        Multiply("a", ("z", "up"), S8),
        random_conv(RNG, "y", "a", 2, 1, 3, S8),
    )
    inputs = Input("x", 4, S6), Input("z", 1, U8, whole=True)
    assert_exact(tmp_path, Network(inputs, layers), [(1, 1), (2, 3)])


def test_layers_of_one_pixel(tmp_path):
    """Two convolutions and a limit of it, an output of its own; the picture waits for a window beside."""
    layers: tuple[Conv | Clip | Multiply, ...] = (
        random_conv(RNG, "a", "z", 2, 3, 1, U8),
        random_conv(RNG, "b", "a", 3, 2, 1, U8),
        Clip("c", "b", 3, 250),
        random_conv(RNG, "d", "x", 3, 3, 3, S8),
        Multiply("y", ("d", "c"), Format(True, 8, 5)),
    )
    assert_exact(tmp_path, Network((X, GAINS), layers, outputs=("y", "c")), [(1, 1), (3, 4)])


@pytest.mark.parametrize("along", [Along.PICTURE, Along.ROWS])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.usually(along=Along.ROWS)
def test_means(tmp_path, along, rounding):
    """Of two pixels half of the means are ties; of odd counts none are."""
    network = single(GlobalAverage("y", "x", S6, along), 2, S6, rounding)
    assert_exact(tmp_path, network, [(1, 1), (16, 2), (3, 5), (1, 2), (2, 1)])


MEANS = [
    (S6, Format(True, 6, 6)),
    (S6, Format(True, 4, 1)),
    (U8, Format(False, 8, 9)),
    (S6, Format(False, 5, 5)),
]
"""On finer and on coarser grids, of which the last cuts what is below zero."""


@pytest.mark.parametrize(("source", "out"), MEANS, ids=str)
@pytest.mark.parametrize("along", [Along.PICTURE, Along.ROWS])
@pytest.mark.in_turns
def test_means_on_other_grids(tmp_path, source, out, along):
    assert_exact(tmp_path, single(GlobalAverage("y", "x", out, along), 2, source), [(2, 4), (8, 2), (3, 5)])


@pytest.mark.parametrize("over", [Over.PICTURE, Over.ROWS])
@pytest.mark.parametrize("source", [S6, U8], ids=str)
@pytest.mark.in_turns
def test_largest_codes(tmp_path, over, source):
    assert_exact(tmp_path, single(Maximum("y", "x", over), 2, source), [(1, 1), (3, 5), (1, 4)])


@pytest.mark.parametrize("along", [Along.PICTURE, Along.ROWS])
def test_a_picture_waits_for_its_own_mean(tmp_path, along):
    """Squeeze and excitation: the whole picture stands in a queue meanwhile, or a row of it."""
    layers = (
        random_conv(RNG, "a", "x", 3, 3, 3, S8),
        GlobalAverage("m", "a", S8, along),
        random_conv(RNG, "b", "m", 3, 3, 1, U8),
        Multiply("c", ("a", "b"), Format(True, 8, 5)),
        Add("y", ("x", "c"), S8),
    )
    network = Network((Input("x", 3, S6),), layers)
    assert_exact(tmp_path, network, [(1, 1), (5, 6), (8, 16)], tallest=8)


def test_a_mean_of_squares(tmp_path):
    layers = DepthToSpace("up", "x", 2), GlobalAverage("m", "up", U8), Multiply("y", ("up", "m"), S8)
    assert_exact(tmp_path, Network((Input("x", 4, S6),), layers), [(1, 1), (3, 4)], tallest=4)


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("places", [Places.CENTRES, Places.NEAREST])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_resizing_by_a_whole_factor(tmp_path, factor, places, rounding):
    layer = Resize("y", ("x",), Format(True, 6, 5), places, factor)
    assert_exact(tmp_path, single(layer, 2, S6, rounding), [(1, 1), (3, 4)])


@pytest.mark.parametrize("places", Places)
def test_resizing_to_the_size_of_another(tmp_path, places):
    """Of half the size by centres or to the nearest; of the same, which is its own by all of them."""
    layers = (SpaceToDepth("small", "x", 2),) if places is not Places.CORNERS else ()
    source = layers[0].name if layers else "x"
    layers = (
        *layers,
        random_conv(RNG, "a", source, 3, 12 if layers else 3, 3, S8),
        Resize("up", ("a", "x"), S8, places),
        Add("y", ("x", "up"), S8),
    )
    assert_exact(tmp_path, Network((Input("x", 3, S6),), layers), [(1, 1), (4, 6)])
