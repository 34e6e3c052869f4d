from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import Format, HwrtsError, Rounding, requantize
from hwrts.fixed_point.operators.add import add_accumulate

from .test_requantize import slow_round

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
    with pytest.raises(HwrtsError, match=r"add: shapes \(1, 1, 3\) and \(1, 2, 3\) differ"):
        add(np.zeros((1, 1, 3), np.uint8), U8, np.zeros((1, 2, 3), np.uint8), U8, U8, Rounding.FLOOR)


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
            expected.append(min(max(slow_round(value * 2**out.frac, rounding), out.min), out.max))
        assert add(a, a_format, b, b_format, out, rounding).ravel().tolist() == expected
