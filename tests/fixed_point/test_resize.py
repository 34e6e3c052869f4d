"""Resizing by any factor: places by hand, an independent slow version, sizes, and what is refused."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Conv,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    LineRun,
    MaxPool,
    Network,
    Places,
    Resize,
    Rounding,
    load_network,
    run,
    run_all,
    save_network,
)
from hwrts.fixed_point.operators.resize import resize_accumulate, resize_taps

from .build import random_conv

S8 = Format(True, 8, 8)

# size, made, places, the first row of two, 128ths of the second
BY_HAND = [
    (2, 4, Places.CENTRES, [0, 0, 0, 1], [0, 32, 96, 0]),  # -1/4, 1/4, 3/4, 5/4
    (4, 3, Places.CENTRES, [0, 1, 2], [21, 64, 107]),  # 1/6, 3/2, 17/6
    (3, 2, Places.CENTRES, [0, 1], [32, 96]),  # 1/4, 7/4
    (1, 3, Places.CENTRES, [0, 0, 0], [0, 0, 0]),
    (3, 3, Places.CENTRES, [0, 1, 2], [0, 0, 0]),
    (2, 4, Places.CORNERS, [0, 0, 0, 1], [0, 43, 85, 0]),  # 1/3, 2/3
    (5, 3, Places.CORNERS, [0, 2, 4], [0, 0, 0]),
    (5, 1, Places.CORNERS, [0], [0]),
    (2, 5, Places.CORNERS, [0, 0, 0, 0, 1], [0, 32, 64, 96, 0]),
    (3, 5, Places.NEAREST, [0, 0, 1, 1, 2], [0] * 5),
    (7, 2, Places.NEAREST, [0, 3], [0, 0]),
]


@pytest.mark.parametrize(("size", "made", "places", "first", "weight"), BY_HAND)
def test_places_by_hand(size, made, places, first, weight):
    assert [each.tolist() for each in resize_taps(size, made, places)] == [first, weight]


def test_a_half_of_a_place_is_rounded_upward():
    """Rows 1/256 apart, the last but one so near to the second row that it is that row."""
    first, weight = resize_taps(2, 257, Places.CORNERS)
    assert first.tolist() == [0] * 255 + [1, 1]
    assert weight.tolist() == [*((n + 1) // 2 for n in range(255)), 0, 0]


def slow_taps(size, made, places):
    """Place for place, in fractions."""
    for new in range(made):
        if places is Places.CENTRES:
            at = max(Fraction((2 * new + 1) * size, 2 * made) - Fraction(1, 2), Fraction(0))
        elif places is Places.CORNERS:
            at = Fraction(new * (size - 1), made - 1) if made > 1 else Fraction(0)
        else:
            at = Fraction(new * size // made)
        at = min(Fraction(floor(at * 128 + Fraction(1, 2)), 128), Fraction(size - 1))
        yield floor(at), int((at - floor(at)) * 128)


@pytest.mark.parametrize("places", Places)
def test_random_pictures_against_fractions(places):
    seed = 91
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        height, width, tall, wide = (int(side) for side in rng.integers(1, 9, 4))
        x = rng.integers(-128, 128, (height, width, 2))
        rows, columns = list(slow_taps(height, tall, places)), list(slow_taps(width, wide, places))
        expected = np.zeros((tall, wide, 2), np.int64)
        for y, (top, below) in enumerate(rows):
            for z, (left, right) in enumerate(columns):
                for row, share in ((top, 128 - below), (min(top + 1, height - 1), below)):
                    for column, part in ((left, 128 - right), (min(left + 1, width - 1), right)):
                        expected[y, z] += share * part * x[row, column]
        assert np.array_equal(resize_accumulate(x, tall, wide, places), expected)


@pytest.mark.parametrize("places", Places)
@pytest.mark.parametrize("source", [PIXEL, S8, Format(False, 16, 8), Format(True, 2, 1)], ids=str)
def test_the_reach_is_what_the_worst_pictures_reach(source, places):
    for layer in (Resize("y", ("x",), S8, places, 2), Resize("y", ("x", "z"), S8, places)):
        formats = [source, S8][: len(layer.sources)]
        bounds, (low, high) = layer.reach(*formats), layer.attack(*formats)
        assert (bounds.lowest, bounds.highest) == (low, high)
        assert bounds.partial_sum == source.magnitude << 14


def attention(places=Places.CENTRES, rounding=Rounding.HALF_EVEN):
    """As ESA of RFDN has it: a sixth of the size less two rows, made as large as the picture again."""
    rng = np.random.default_rng(92)
    small = random_conv(rng, "small", "a", (4, 4), 3, S8, weight_frac=9)
    small = Conv(
        "small", "a", small.weight_i8, small.weight_frac, small.bias_i32, S8, stride=2, pads=(0, 0, 0, 0)
    )
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (4, 3), 3, S8, weight_frac=9),
            small,
            MaxPool("pool", "small", (7, 7), 3, (0, 0, 0, 0)),
            Resize("y", ("pool", "a"), Format(True, 8, 7), places),
        ),
        rounding,
    )


def test_the_size_is_that_of_the_other_tensor(tmp_path):
    network = attention()
    pool, y = network.tensors["pool"], network.tensors["y"]
    assert (pool.scale, pool.lacks) == (Fraction(1, 6), (2, 2))
    assert (y.scale, y.lacks, y.channels) == (1, (0, 0), 4)
    assert (network.multiple, network.smallest) == (6, (18, 18))
    codes = np.random.default_rng(93).integers(0, 256, (24, 30, 3)).astype(np.uint8)
    tensors = run_all(network, codes)
    assert (tensors["pool"].shape, tensors["y"].shape) == ((2, 3, 4), (24, 30, 4))
    assert np.array_equal(run_all(network, codes, "int64")["y"], tensors["y"])
    single = network.single("y")
    assert [each.free for each in single.inputs] == [True, False]
    assert np.array_equal(run(single, tensors), tensors["y"])
    save_network(network, tmp_path)
    assert np.array_equal(run(load_network(tmp_path), codes), tensors["y"])
    text = (tmp_path / "network.json").read_text()
    assert '"factor"' not in text
    assert '"places": "centres"' in text


def test_a_whole_factor_needs_no_other_tensor(tmp_path):
    x = np.array([[0, 60], [120, 240]], np.uint8)[..., None]
    network = Network((Input("x", 1, PIXEL),), (Resize("y", ("x",), PIXEL, Places.CORNERS, 2),))
    assert run(network, x)[..., 0].tolist() == [
        [0, 20, 40, 60], [40, 67, 94, 120], [80, 113, 146, 180], [120, 160, 200, 240],
    ]  # fmt: skip
    save_network(network, tmp_path)
    assert np.array_equal(run(load_network(tmp_path), x), run(network, x))


def test_what_it_costs_for_each_pixel_of_the_input():
    """Two taps down and two along of each of four channels; nearest moves codes, x3 makes nine pixels."""
    for places, taps in ((Places.CENTRES, 4), (Places.CORNERS, 4), (Places.NEAREST, 0)):
        network = attention(places)
        assert network.layers[-1].work(network.tensors["y"]).multiplications == taps * 4
        larger = Network((Input("x", 2, PIXEL),), (Resize("y", ("x",), PIXEL, places, 3),))
        assert larger.layers[0].work(larger.tensors["y"]).multiplications == taps * 2 * 9


def test_it_needs_the_whole_picture_and_says_so():
    network = attention()
    assert not network.streamable
    with pytest.raises(HwrtsError, match="stream: layer 'y' is made of the whole picture"):
        LineRun(network)
    with pytest.raises(HwrtsError, match="'y': made of the whole picture"):
        _ = network.halo


def test_what_is_refused():
    x, mean = (Input("x", 4, PIXEL),), GlobalAverage("mean", "x", PIXEL)
    with pytest.raises(HwrtsError, match="'y': to the size of 'mean', which has one pixel"):
        Network(x, (mean, Resize("y", ("x", "mean"), PIXEL, Places.CENTRES)))
    with pytest.raises(HwrtsError, match=r"'y': factor 1 is not allowed; use a whole number, 2\.\.16"):
        Network(x, (Resize("y", ("x",), PIXEL, Places.CENTRES, 1),))
    with pytest.raises(HwrtsError, match="'y': factor 2, and the size of 'x'; use one of them"):
        Network(x, (Resize("y", ("x", "x"), PIXEL, Places.CENTRES, 2),))
    with pytest.raises(HwrtsError, match=r"'y': places 'centres'; use Places\.CENTRES"):
        Network(x, (Resize("y", ("x", "x"), PIXEL, "centres"),))  # type: ignore[arg-type]
    with pytest.raises(HwrtsError, match="'y': reads 3 tensors; use 1 or 2"):
        Network(x, (Resize("y", ("x", "x", "x"), PIXEL, Places.CENTRES),))
    one = Network(x, (mean, Resize("y", ("mean", "x"), PIXEL, Places.CENTRES)))
    codes = np.full((2, 3, 4), 7, np.uint8)
    assert np.array_equal(run(one, codes), codes)
