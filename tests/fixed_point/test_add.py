from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hwrts.fixed_point import Add, Format, HwrtsError, Input, Network, Rounding, layer_bounds, requantize
from hwrts.fixed_point.layer_json import describe, parse_layer
from hwrts.fixed_point.operators.add import add_accumulate

from .test_requantize import slow_code

U8 = Format(False, 8, 8)
S8 = Format(True, 8, 8)


def add(a, a_format, b, b_format, out, rounding):
    return requantize(*add_accumulate(a, a_format, b, b_format), out, rounding)


def test_same_grid_saturates_at_both_ends():
    a, b = np.array([250, 3, 0, 255, 128], np.uint8), np.array([10, -5, 0, -128, 127], np.int8)
    codes = add(a, U8, b, S8, U8, Rounding.HALF_EVEN)
    assert codes.tolist() == [255, 0, 0, 127, 255]
    assert codes.dtype == np.uint8


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [10, 12, 10, 9]),
        (Rounding.HALF_UP, [11, 12, 10, 9]),
        (Rounding.HALF_AWAY, [11, 12, 10, 9]),
        (Rounding.FLOOR, [10, 11, 9, 9]),
        (Rounding.DOUBLE, [11, 12, 10, 10]),
    ],
)
def test_the_finer_grid_is_kept_until_the_one_rounding(rounding, expected):
    # b counts quarters of a's LSB: 10.5 and 11.5 are ties, 9.75 and 9.25 are not.
    a, b = np.array([10, 10, 10, 10], np.uint8), np.array([2, 6, -1, -3], np.int8)
    assert (
        add(a, Format(False, 8, 6), b, Format(True, 8, 8), Format(False, 8, 6), rounding).tolist() == expected
    )
    assert (
        add(b, Format(True, 8, 8), a, Format(False, 8, 6), Format(False, 8, 6), rounding).tolist() == expected
    )


def test_a_finer_output_grid_is_exact():
    assert add(np.array([3]), U8, np.array([-1]), S8, Format(True, 8, 10), Rounding.FLOOR).tolist() == [8]


def test_shapes_must_agree():
    with pytest.raises(HwrtsError, match=r"add: shapes \(2, 1, 3\) and \(1, 2, 3\) differ"):
        add(np.zeros((2, 1, 3), np.uint8), U8, np.zeros((1, 2, 3), np.uint8), U8, U8, Rounding.FLOOR)


@pytest.mark.parametrize("rounding", Rounding)
def test_random_sums_against_fractions(rounding):
    seed = 12
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        a_format, b_format, out = (
            Format(bool(rng.integers(2)), int(rng.integers(4, 11)), int(rng.integers(2, 12)))
            for _ in range(3)
        )
        a = rng.integers(a_format.min, a_format.max, (2, 3, 4), endpoint=True)
        b = rng.integers(b_format.min, b_format.max, (2, 3, 4), endpoint=True)
        expected = []
        for p, q in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
            value = Fraction(p, 2**a_format.frac) + Fraction(q, 2**b_format.frac)
            expected.append(slow_code(value, max(a_format.frac, b_format.frac), out, rounding))
        assert add(a, a_format, b, b_format, out, rounding).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [10, 8, 10, 0]),
        (Rounding.HALF_UP, [10, 9, 10, 0]),
        (Rounding.HALF_AWAY, [10, 9, 10, 0]),
        (Rounding.FLOOR, [9, 8, 10, 0]),
        (Rounding.DOUBLE, [10, 9, 11, 0]),
    ],
)
def test_differences_by_hand(rounding, expected):
    """b counts quarters of a's LSB: 9.5, 8.5, 10.25, and -27 which an unsigned code cannot be."""
    a, b = np.array([10, 10, 10, 5], np.uint8), np.array([2, 6, -1, 127], np.int8)
    acc, frac = add_accumulate(a, Format(False, 8, 6), b, Format(True, 8, 8), negated=True)
    assert requantize(acc, frac, Format(False, 8, 6), rounding).tolist() == expected


@pytest.mark.parametrize("rounding", Rounding)
def test_random_differences_against_fractions(rounding):
    seed = 13
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        a_format, b_format, out = (
            Format(bool(rng.integers(2)), int(rng.integers(4, 11)), int(rng.integers(2, 12)))
            for _ in range(3)
        )
        a, b = (
            rng.integers(each.min, each.max, (2, 3, 4), endpoint=True).astype(np.int16)
            for each in (a_format, b_format)
        )
        expected = []
        for p, q in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
            value = Fraction(p, 2**a_format.frac) - Fraction(q, 2**b_format.frac)
            expected.append(slow_code(value, max(a_format.frac, b_format.frac), out, rounding))
        layer = Add("y", ("a", "b"), out, negated=True)
        assert layer.define([a, b], [a_format, b_format], rounding).ravel().tolist() == expected
        assert layer.picture([a, b], [a_format, b_format], rounding).ravel().tolist() == expected


FORMATS = [U8, S8, Format(True, 3, 2), Format(False, 2, 5), Format(True, 2, -3)]


@pytest.mark.parametrize(("a", "b"), list(product(FORMATS, repeat=2)))
def test_bounds_of_a_difference_are_its_extremes_and_attained(a, b):
    finer = max(a.frac, b.frac)
    ends = [
        (x << finer - a.frac) - (y << finer - b.frac)
        for x, y in product(range(a.min, a.max + 1), range(b.min, b.max + 1))
    ]
    layer = Add("y", ("a", "b"), U8, negated=True)
    bounds = layer_bounds(layer, [a, b], Rounding.FLOOR)
    assert [bounds.lowest.tolist(), bounds.highest.tolist()] == [[min(ends)], [max(ends)]]
    assert bounds.partial_sum.tolist() == [(a.magnitude << finer - a.frac) + (b.magnitude << finer - b.frac)]
    assert [end.tolist() for end in layer.attack(a, b)] == [[min(ends)], [max(ends)]]


def test_a_tensor_less_itself_is_nothing():
    layer = Add("y", ("a", "a"), U8, negated=True)
    bounds = layer_bounds(layer, [S8, S8], Rounding.FLOOR)
    assert [bounds.lowest.tolist(), bounds.highest.tolist()] == [[0], [0]]
    assert [end.tolist() for end in layer.attack(S8, S8)] == [[0], [0]]


def test_the_sign_is_a_bool_and_comes_later_in_files(tmp_path):
    inputs = (Input("a", 1, U8), Input("b", 1, U8))
    with pytest.raises(HwrtsError, match="layer 'y': negated is 1; use True or False"):
        Network(inputs, (Add("y", ("a", "b"), S8, 1),))  # type: ignore[arg-type]
    assert "negated" not in describe(Add("y", ("a", "b"), S8))
    less = Add("y", ("a", "b"), S8, negated=True)
    assert parse_layer(describe(less), {}) == less
