from dataclasses import replace

import numpy as np
import pytest

from hwrts.fixed_point import (
    FLOAT32_LIMIT,
    PIXEL,
    Format,
    Padding,
    Rounding,
    attack_input,
    blas,
    bounds,
    conv_accumulate,
    fast,
    layer_bounds,
    requantize,
)
from hwrts.fixed_point.blas import one_blas_thread

from .build import conv, random_conv

WIDE = Format(True, 16, 0)


def definition(x, layer, source, rounding):
    acc = conv_accumulate(x, layer.weight_i8, layer.bias_i32, layer.padding)
    return requantize(acc, source.frac + layer.weight_frac.astype(np.int64), layer.out, rounding)


def conv_requantized(x, layer, source, rounding):
    return layer.picture([x], [source], rounding)


def assert_same(x, layer, source, rounding):
    expected, found = definition(x, layer, source, rounding), conv_requantized(x, layer, source, rounding)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("rounding", "codes"),
    [
        (Rounding.HALF_EVEN, [0, 2, 2, 0, -2, -2]),
        (Rounding.HALF_UP, [1, 2, 3, 0, -1, -2]),
        (Rounding.HALF_AWAY, [1, 2, 3, -1, -2, -3]),
        (Rounding.FLOOR, [0, 1, 2, -1, -2, -3]),
        (Rounding.DOUBLE, [1, 2, 3, 0, -1, -2]),
    ],
)
def test_ties_by_hand(rounding, codes):
    x = np.array([[[1], [3], [5], [-1], [-3], [-5]]], np.int8)  # halves of an output code
    layer = conv("c", "x", [[[[1]]]], out=Format(True, 8, 0), weight_frac=1)
    assert conv_requantized(x, layer, Format(True, 8, 0), rounding)[0, :, 0].tolist() == codes


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("groups", [1, 4])
def test_double_by_hand_in_channels_that_drop_0_to_3_bits(signed, groups):
    """Eq. 41, in matrix products and tap by tap; an unsigned result is that with nothing below 0."""
    out = Format(signed, 8, 0)
    codes = np.array([-12, -6, -4, -3, -1, 0, 1, 2, 3, 5, 11], np.int8)
    expected = np.array(
        [
            [-12, -6, -4, -3, -1, 0, 1, 2, 3, 5, 11],
            [-6, -3, -2, -1, 0, 0, 1, 1, 2, 3, 6],
            [-3, -2, -1, -1, 0, 0, 1, 1, 1, 2, 3],
            [-2, -1, -1, 0, 0, 0, 0, 0, 1, 1, 2],
        ]
    )
    layer = conv("c", "x", np.ones((4, 1, 1, 1)), out=out, weight_frac=[0, 1, 2, 3])
    if groups > 1:  # each its own channel
        layer = replace(layer, groups=4)
    x = np.repeat(codes.reshape(1, -1, 1), layer.groups, axis=2)
    found = conv_requantized(x, layer, Format(True, 8, 0), Rounding.DOUBLE)
    assert found[0].T.tolist() == np.maximum(expected, out.min).tolist()


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (9, 140)])
@pytest.mark.parametrize(
    ("source", "padding"), [(PIXEL, Padding.ZERO), (Format(True, 8, 6), Padding.REPLICATE)]
)
def test_random_pictures_equal_the_definition(rounding, kernel, size, source, padding):
    seed = 31
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    layer = random_conv(rng, "c", "x", (5, 3), kernel, Format(bool(kernel == 3), 8, source.frac - 3))
    layer = replace(layer, padding=padding)
    x = rng.integers(source.min, source.max, (*size, 3), endpoint=True).astype(source.dtype)
    assert_same(x, layer, source, rounding)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("kernel", "padding"), [(1, "zero"), (3, "zero"), (5, "replicate")])
def test_parts_of_every_size_equal_the_definition(rounding, kernel, padding, monkeypatch):
    rng = np.random.default_rng(32)
    layer = random_conv(rng, "c", "x", (4, 2), kernel, Format(True, 8, 5))
    layer = replace(layer, padding=Padding(padding))
    x = rng.integers(0, 256, (11, 13, 2)).astype(np.uint8)
    for columns in (1, 2, 5, 13, 64):
        monkeypatch.setattr(fast, "_COLUMNS", columns)
        for smallest in (1, 3, 6):
            monkeypatch.setattr(fast, "_SMALLEST_PART", smallest)
            for cores in (1, 2, 3, 50):
                monkeypatch.setattr(fast, "available_cores", lambda cores=cores: cores)
                assert_same(x, layer, PIXEL, rounding)


def test_numpys_blas_is_left_as_it_was():
    functions = blas._openblas()
    if functions is None:
        pytest.skip("this NumPy brings no OpenBLAS")
    get_threads = functions.get_threads
    before = get_threads()
    with one_blas_thread() as outer:
        with one_blas_thread() as inner:
            assert (outer, inner, get_threads()) == (True, True, 1)
        assert get_threads() == 1
    assert get_threads() == before


def test_an_unknown_blas_changes_nothing(monkeypatch):
    rng = np.random.default_rng(36)
    layer = random_conv(rng, "c", "x", (4, 2), 3, Format(True, 8, 5))
    x = rng.integers(0, 256, (70, 13, 2)).astype(np.uint8)
    monkeypatch.setattr(blas, "_openblas", lambda: None)
    with one_blas_thread() as alone:
        assert not alone
    assert_same(x, layer, PIXEL, Rounding.HALF_EVEN)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [-3, 0, 1, 2, 20, 24, 31])
def test_every_shift_of_ties_and_neighbours(rounding, shift):
    """Accumulators at, just below and just above a tie, through biases alone."""
    tie = 1 << max(shift - 1, 0)
    near = [s * (m * 2 * tie + tie) + d for s in (1, -1) for m in (0, 1, 2) for d in (-1, 0, 1)]
    bias = [b for b in near if abs(b) < 2**31 - 256]
    out = Format(True, 8, 4)
    layer = conv("c", "x", [[[[1]]]] * len(bias), bias=bias, out=out, weight_frac=shift)
    x = np.array([[[0], [1]], [[2], [3]]], np.uint8)
    assert_same(x, layer, Format(False, 8, 4), rounding)


def near_the_limit(excess):
    """Two channels of opposite sign over 518 inputs whose bound is exactly 2**24 + excess."""
    weight = np.full((2, 518, 1, 1), 127)
    weight[1] *= -1
    rest = FLOAT32_LIMIT + excess - 518 * 127 * 255
    return conv("c", "x", weight, bias=[rest, -rest], out=WIDE, weight_frac=9)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("excess", [-3, -1, 0, 1, 2, 511])
def test_layers_around_the_float32_limit(excess, rounding):
    layer = near_the_limit(excess)
    source = Format(False, 8, 0)
    assert int(layer_bounds(layer, [source], Rounding.HALF_EVEN).partial_sum.max()) == FLOAT32_LIMIT + excess
    rng = np.random.default_rng(33)
    x = np.concatenate(
        [
            np.full((1, 4, 518), 255, np.uint8),
            rng.integers(254, 256, (8, 4, 518)).astype(np.uint8),
            rng.integers(0, 256, (8, 4, 518)).astype(np.uint8),
            attack_input(layer, source)[0].reshape(1, 1, -1).repeat(4, axis=1),
        ]
    )
    assert_same(x, layer, source, rounding)


@pytest.mark.parametrize("rounding", Rounding)
def test_the_switch_to_float64_is_needed(rounding, monkeypatch):
    """Bias 2**25 + 1 against products that are multiples of 4: only the bias's last bit is at stake."""
    source = Format(False, 8, 0)
    layer = conv("c", "x", np.full((1, 1048, 1, 1), -126), bias=2**25 + 1, out=WIDE, weight_frac=0)
    x = np.full((2, 3, 1048), 254, np.uint8)
    assert definition(x, layer, source, rounding)[0, 0, 0] == 2**25 + 1 - 1048 * 126 * 254 == 14241
    assert not layer_bounds(layer, [source], Rounding.HALF_EVEN).exact_in_float32
    assert_same(x, layer, source, rounding)
    monkeypatch.setattr(bounds, "FLOAT32_LIMIT", 1 << 62)
    assert conv_requantized(x, layer, source, rounding)[0, 0, 0] == 14240, "float32 should lose the last bit"


def test_half_up_counts_its_half_lsb_in_the_limit():
    """Bound below 2**24, above it with half an LSB: float32 would round the sum before the shift."""
    source, out = Format(False, 8, 0), Format(True, 16, -9)
    layer = conv("c", "x", [[[[1]]]], bias=FLOAT32_LIMIT - 256, out=out, weight_frac=16)
    assert layer_bounds(layer, [source], Rounding.HALF_EVEN).exact_in_float32
    assert not layer_bounds(layer, [source], Rounding.HALF_UP).exact_in_float32
    x = np.arange(256).reshape(1, 256, 1).astype(np.uint8)
    for rounding in Rounding:
        assert_same(x, layer, source, rounding)


def test_double_counts_one_more_in_the_limit():
    source, out = Format(False, 8, 0), Format(True, 16, 0)
    layer = conv("c", "x", [[[[1]]]], bias=FLOAT32_LIMIT - 1 - 255 - 8, out=out, weight_frac=4)
    assert layer_bounds(layer, [source], Rounding.HALF_UP).exact_in_float32
    assert layer_bounds(layer, [source], Rounding.DOUBLE).partial_sum.tolist() == [FLOAT32_LIMIT]
    for far in (layer, replace(layer, out=Format(True, 16, -10)), replace(layer, bias_i32=-layer.bias_i32)):
        assert_same(np.arange(256).reshape(1, 256, 1).astype(np.uint8), far, source, Rounding.DOUBLE)


def test_large_accumulators_below_2_to_31():
    source = Format(False, 16, 0)
    layer = conv("c", "x", np.full((2, 250, 1, 1), 127), bias=[2**20, -(2**20)], out=WIDE, weight_frac=14)
    x = np.random.default_rng(34).integers(0, 65536, (3, 5, 250)).astype(np.uint16)
    assert layer_bounds(layer, [source], Rounding.HALF_EVEN).partial_sum.max() > 2**30
    for rounding in Rounding:
        assert_same(x, layer, source, rounding)


def test_the_input_is_left_alone():
    x = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    before = x.copy()
    conv_requantized(
        x, random_conv(np.random.default_rng(0), "c", "x", (3, 3), 3, PIXEL), PIXEL, Rounding.FLOOR
    )
    assert np.array_equal(x, before)
