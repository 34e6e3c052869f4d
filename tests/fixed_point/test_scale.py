from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import Format, Input, Network, Rounding, Scale, run, run_all, stream
from hwrts.fixed_point.operators.scale import scale_accumulate

from .test_requantize import slow_code

S8 = Format(True, 8, 8)


def one_scale(multiplier, frac, source, out, rounding):
    return Network((Input("x", 1, source),), (Scale("y", "x", multiplier, frac, out),), rounding)


def codes_of(network, values):
    """The codes for a row of pixels, by every path."""
    x = np.array(values).reshape(1, -1, 1)
    expected = run(network, x, "int64")
    assert np.array_equal(run(network, x), expected)
    assert np.array_equal(run_all(network, x)["y"], expected)
    for path in ("int64", "fast"):
        assert np.array_equal(np.stack(list(stream(network, x, path))), expected)
    assert expected.dtype == network.layers[0].out.dtype
    return expected.ravel().tolist()


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-8, -4, -2, -1, 0, 1, 2, 4, 8]),
        (Rounding.HALF_UP, [-7, -4, -1, -1, 0, 1, 2, 5, 8]),
        (Rounding.HALF_AWAY, [-8, -5, -2, -1, 0, 1, 2, 5, 8]),
        (Rounding.FLOOR, [-8, -5, -2, -1, 0, 0, 1, 4, 7]),
    ],
)
def test_ties_by_hand(rounding, expected):
    """Times 3/4: -7.5, -4.5 and -1.5 are ties, -0.75 is none, and the same above zero."""
    network = one_scale(3, 2, S8, S8, rounding)
    assert codes_of(network, [-10, -6, -2, -1, 0, 1, 2, 6, 10]) == expected


@pytest.mark.parametrize(
    ("multiplier", "source", "codes", "acc"),
    [
        (127, S8, [-128, 127], [-16256, 16129]),
        (-127, S8, [-128, 127], [16256, -16129]),
        (127, Format(False, 8, 0), [0, 255], [0, 32385]),
        (-127, Format(False, 16, 0), [65535], [-8322945]),
        (0, S8, [-128, 127], [0, 0]),
    ],
)
def test_products_at_the_ends_of_the_ranges(multiplier, source, codes, acc):
    x = np.array(codes).astype(source.dtype)
    found = scale_accumulate(x, multiplier)
    assert (found.dtype, found.tolist()) == (np.int64, acc)


def test_results_saturate_and_an_unsigned_one_is_a_relu():
    assert codes_of(one_scale(-127, 6, S8, S8, Rounding.HALF_EVEN), [-128, -1, 1, 127]) == [127, 2, -2, -128]
    unsigned = one_scale(127, 0, S8, Format(False, 8, 8), Rounding.HALF_UP)
    assert codes_of(unsigned, [-128, -1, 0, 1, 3]) == [0, 0, 0, 127, 255]


def test_a_constant_above_127_has_negative_fraction_bits():
    coarse = one_scale(100, -3, Format(True, 8, 0), Format(True, 16, 0), Rounding.FLOOR)
    assert codes_of(coarse, [-2, 3]) == [-1600, 2400]


@pytest.mark.parametrize("rounding", Rounding)
def test_random_products_against_fractions(rounding):
    seed = 51
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(40):
        source, out = (
            Format(bool(rng.integers(2)), int(rng.integers(2, 17)), int(rng.integers(-3, 12)))
            for _ in range(2)
        )
        multiplier, frac = int(rng.integers(-127, 128)), int(rng.integers(-4, 13))
        x = rng.integers(source.min, source.max, 9, endpoint=True)
        factor = Fraction(multiplier) / Fraction(2) ** frac
        values = [Fraction(int(code)) / Fraction(2) ** source.frac * factor for code in x]
        expected = [slow_code(value, source.frac + frac, out, rounding) for value in values]
        network = one_scale(multiplier, frac, source, out, rounding)
        assert codes_of(network, x) == expected
