from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pytest

from hwrts.fixed_point import PIXEL, Format, HwrtsError, Rounding, requantize
from hwrts.fixed_point.requantize import count_saturated, half_lsb, saturate, shift_right

S8 = Format(signed=True, bits=8, frac=0)
U8 = Format(signed=False, bits=8, frac=0)

# Each row: value in halves, then the code by rule. Worked by hand; both signs, ties and whole numbers.
HALVES = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]
BY_HAND = {
    Rounding.HALF_EVEN: [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2],
    Rounding.HALF_UP: [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3],
    Rounding.HALF_AWAY: [-3, -2, -2, -1, -1, 0, 1, 1, 2, 2, 3],
    Rounding.FLOOR: [-3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2],
    Rounding.DOUBLE: [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3],
}
# Quarters: no ties at odd numbers, so the three nearest rules agree there.
QUARTERS = [-7, -5, -3, -1, 1, 3, 5, 7]
NEAREST = [-2, -1, -1, 0, 0, 1, 1, 2]
BELOW = [-2, -2, -1, -1, 0, 0, 1, 1]
# Rounded twice, 1/4 is 1/2 on the way and so 1, 5/4 is 3/2 and so 2.
TWICE = [-2, -1, -1, 0, 1, 1, 2, 2]
# Double by two and by three bits (eq. 44), and what it is on the way, half up by one bit.
FOURTHS = [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7]
ON_THE_WAY = [-3, -3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3, 3, 4]
DOUBLE_BY_TWO = [-2, -2, -1, -1, -1, -1, 0, 0, 1, 1, 1, 1, 2, 2, 2]
EIGHTHS = [-13, -12, -11, -5, -4, -3, 2, 3, 4, 10, 11, 12, 13]
DOUBLE_BY_THREE = [-2, -2, -1, -1, -1, 0, 0, 1, 1, 1, 2, 2, 2]


def high_product(a: int, b: int) -> int:
    """The upper half of twice a product of int32 numbers, as TFLite's kernels round it: nudged, cut off."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def rounding_shift(a: int, bits: int) -> int:
    """A shift to the right as TFLite's kernels round it: by what is left over, more of it below zero."""
    rest, threshold = a % 2**bits, (2**bits - 1) // 2 + (a < 0)
    return a // 2**bits + (rest > threshold)


def slow_shift(acc: int, shift: int, rounding: Rounding) -> int:
    """The rules said with fractions, and double with the two operations of those who compute it."""
    if rounding is Rounding.DOUBLE and shift >= 1:
        return rounding_shift(high_product(acc, 2**30), shift - 1)
    return slow_round(Fraction(acc) / Fraction(2) ** shift, rounding)


def slow_code(value: Fraction, acc_frac: int, out: Format, rounding: Rounding) -> int:
    """The code of a sum on a grid of so many fraction bits."""
    code = slow_shift(int(value * Fraction(2) ** acc_frac), acc_frac - out.frac, rounding)
    return min(max(code, out.min), out.max)


def slow_round(value: Fraction, rounding: Rounding) -> int:
    """The rules said with fractions, independent of shifts; double as of what is no sum that loses bits."""
    if rounding is Rounding.FLOOR:
        return floor(value)
    if value - floor(value) != Fraction(1, 2):
        return floor(value + Fraction(1, 2))
    if rounding is Rounding.HALF_UP:
        return ceil(value)
    if rounding in (Rounding.HALF_AWAY, Rounding.DOUBLE):
        return ceil(value) if value > 0 else floor(value)
    return next(code for code in (floor(value), ceil(value)) if code % 2 == 0)


@pytest.mark.parametrize("rounding", Rounding)
def test_ties_by_hand(rounding):
    assert shift_right(np.array(HALVES), 1, rounding).tolist() == BY_HAND[rounding]


@pytest.mark.parametrize("rounding", Rounding)
def test_between_ties_by_hand(rounding):
    expected = {Rounding.FLOOR: BELOW, Rounding.DOUBLE: TWICE}.get(rounding, NEAREST)
    assert shift_right(np.array(QUARTERS), 2, rounding).tolist() == expected


def test_double_by_hand():
    assert shift_right(np.array(FOURTHS), 1, Rounding.DOUBLE).tolist() == ON_THE_WAY
    assert shift_right(np.array(FOURTHS), 2, Rounding.DOUBLE).tolist() == DOUBLE_BY_TWO
    assert shift_right(np.array(EIGHTHS), 3, Rounding.DOUBLE).tolist() == DOUBLE_BY_THREE
    assert shift_right(np.array([-3, 3]), 0, Rounding.DOUBLE).tolist() == [-3, 3]
    assert shift_right(np.array([-3, 3]), -2, Rounding.DOUBLE).tolist() == [-12, 12]


@pytest.mark.parametrize("shift", [1, 2, 3, 4, 7])
def test_double_is_the_two_operations_of_tflites_kernels(shift):
    acc = np.arange(-(3 << shift), (3 << shift) + 1)
    expected = [rounding_shift(high_product(int(a), 2**30), shift - 1) for a in acc]
    assert shift_right(acc, shift, Rounding.DOUBLE).tolist() == expected


@pytest.mark.parametrize("shift", [1, 2, 3, 6, 30])
def test_double_is_one_addition_and_one_shift(shift):
    """Of eq. 44: the constant is half an LSB, and one more or one less by the sign; no more is added."""
    rng = np.random.default_rng(41)
    tie = 1 << (shift - 1)
    near = (np.arange(-3, 4) << shift)[:, None] + tie + np.arange(-2, 3)
    acc = np.concatenate([near.ravel(), rng.integers(-(2**31) + 2, 2**31 - 2 - tie, 200), [-1, 0, 1]])
    aside = np.where(acc >= 0, 1, -1) if shift > 1 else 0
    assert np.array_equal(shift_right(acc, shift, Rounding.DOUBLE), (acc + tie + aside) >> shift)
    assert int(half_lsb(shift, Rounding.DOUBLE)) == tie + (shift > 1)


@pytest.mark.parametrize("shift", [2, 3, 6])
def test_double_leaves_the_nearest_code_right_below_positive_ties_alone(shift):
    acc = np.arange(-(4 << shift), 4 << shift)
    double, away = (shift_right(acc, shift, rule) for rule in (Rounding.DOUBLE, Rounding.HALF_AWAY))
    below = (acc >= 0) & (acc % (1 << shift) == (1 << (shift - 1)) - 1)
    assert np.array_equal(double - away, below.astype(int))
    assert np.abs(double * 2.0**shift - acc).max() == (1 << (shift - 1)) + 1  # half an LSB and 2**-shift


@pytest.mark.parametrize("rounding", Rounding)
def test_the_table_in_the_docstring(rounding):
    rows = [line.split("|")[1:-1] for line in (Rounding.__doc__ or "").splitlines() if "|" in line]
    values = [Fraction(cell.strip()) for cell in rows[0][1:]]
    row = next(row for row in rows if row[0].strip() == rounding.name)
    acc = np.array([int(value * 2) for value in values])
    assert shift_right(acc, 1, rounding).tolist() == [int(cell) for cell in row[1:]]


@pytest.mark.parametrize("rounding", Rounding)
def test_shift_zero_and_left_shift_are_exact(rounding):
    acc = np.array([-3, 0, 5])
    assert shift_right(acc, 0, rounding).tolist() == [-3, 0, 5]
    assert shift_right(acc, -3, rounding).tolist() == [-24, 0, 40]
    assert shift_right(np.array([-(2**31)]), -24, rounding).tolist() == [-(2**55)]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-1, -1, 0, 0, 0, 0, 1]),
        (Rounding.HALF_UP, [-1, -1, 0, 0, 0, 1, 1]),
        (Rounding.HALF_AWAY, [-1, -1, -1, 0, 0, 1, 1]),
        (Rounding.FLOOR, [-1, -1, -1, -1, 0, 0, 0]),
        (Rounding.DOUBLE, [-1, -1, -1, 0, 0, 1, 1]),
    ],
)
def test_the_largest_shift(rounding, expected):
    half = 2**30
    acc = np.array([-(2**31) + 1, -half - 1, -half, -1, 1, half, half + 1])
    assert shift_right(acc, 31, rounding).tolist() == expected


def test_int32_accumulators_do_not_wrap():
    acc: Any = np.array([2**31 - 1, -(2**31)], np.int32)  # int64 is what is asked for
    assert shift_right(acc, -1, Rounding.FLOOR).tolist() == [2**32 - 2, -(2**32)]


def test_one_shift_per_channel():
    acc = np.array([[[5, 5, 5]]])  # (1, 1, 3)
    shift = np.array([0, 1, -1])
    assert shift_right(acc, shift, Rounding.HALF_EVEN).tolist() == [[[5, 2, 10]]]


@pytest.mark.parametrize("shift", [-25, 32, 64, np.array([0, 32])])
def test_refused_shifts(shift):
    with pytest.raises(HwrtsError, match=r"bits is outside -24\.\.31"):
        shift_right(np.array([1, 1]), shift, Rounding.FLOOR)


def test_saturation_at_the_range_ends():
    assert saturate(np.array([-129, -128, -127, 126, 127, 128]), S8).tolist() == [
        -128,
        -128,
        -127,
        126,
        127,
        127,
    ]
    assert saturate(np.array([-1, 0, 1, 254, 255, 256]), U8).tolist() == [0, 0, 1, 254, 255, 255]
    assert saturate(np.array([-(2**55), 2**55]), S8).tolist() == [-128, 127]


def test_rounding_comes_before_saturation():
    # 255.5 rounds to 256, which saturates; rounding after saturation could not tell.
    assert requantize(np.array([511, 509]), 1, U8, Rounding.HALF_UP).tolist() == [255, 255]
    # -0.5 half away is -1 and saturates to 0: a ReLU is the unsigned range, not an extra step.
    assert requantize(np.array([-1, 1]), 1, U8, Rounding.HALF_AWAY).tolist() == [0, 1]


def test_the_shift_is_the_difference_of_the_grids():
    assert requantize(np.array([640]), 15, PIXEL, Rounding.HALF_EVEN).tolist() == [5]
    assert requantize(np.array([5]), 6, PIXEL, Rounding.HALF_EVEN).tolist() == [20]
    codes = requantize(np.array([[384, 384]]), np.array([8, 9]), Format(True, 8, 0), Rounding.HALF_EVEN)
    assert codes.tolist() == [[2, 1]]
    assert codes.dtype == np.int8


def test_empty_arrays_stay_empty():
    assert requantize(np.empty((0, 4, 3), np.int64), 4, U8, Rounding.HALF_UP).shape == (0, 4, 3)


@pytest.mark.parametrize("rounding", Rounding)
def test_random_accumulators_against_fractions(rounding):
    seed = 11
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for shift in range(-24, 32):
        for out in (Format(True, 8, 4), Format(False, 8, 4), Format(True, 10, 4), Format(False, 16, 4)):
            reach = min(2**31 - 1, out.max << (shift + 1)) if shift >= 0 else 1 + (out.max >> -shift) * 2
            acc = rng.integers(-reach, reach, 24, endpoint=True)
            if shift > 0:  # a third of them are ties, a third right below
                acc[::3] = (acc[::3] >> shift << shift) + (1 << (shift - 1))
                acc[1::3] = (acc[1::3] >> shift << shift) + (1 << (shift - 1)) - 1
            expected = [min(max(slow_shift(int(a), shift, rounding), out.min), out.max) for a in acc]
            assert requantize(acc, 4 + shift, out, rounding).tolist() == expected, (shift, out)


@pytest.mark.parametrize("rounding", Rounding)
def test_clamped_codes_are_counted_by_hand(rounding):
    acc = np.array([-131, -130, -128, 0, 127, 128, 300])  # on the grid of the output
    assert count_saturated(acc, 0, Format(True, 8, 0), rounding) == (2, 2)
    assert count_saturated(acc, 0, Format(False, 8, 0), rounding) == (0, 1)
    tie = np.array([255])  # 127.5: half-even and the other "half" rules go to 128, floor stays
    assert count_saturated(tie, 1, Format(True, 8, 0), rounding) == (0, int(rounding is not Rounding.FLOOR))
