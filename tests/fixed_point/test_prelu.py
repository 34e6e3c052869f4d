from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import Format, Input, Network, PRelu, Rounding, run, run_all, stream
from hwrts.fixed_point.operators.prelu import prelu_accumulate

from .test_requantize import slow_code

S8 = Format(True, 8, 8)


def one_prelu(slopes, frac, source, out, rounding):
    layer = PRelu("y", "x", np.array(slopes, np.int8), frac, out)
    return Network((Input("x", len(slopes), source),), (layer,), rounding)


def codes_of(network, x):
    """The codes (H, W, C), by every path."""
    expected = run(network, x, "int64")
    assert np.array_equal(run(network, x), expected)
    assert np.array_equal(run_all(network, x)["y"], expected)
    for path in ("int64", "fast"):
        assert np.array_equal(np.stack(list(stream(network, x, path))), expected)
    return expected


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, -1, 0, 0, 0, 1, 2, 7]),
        (Rounding.HALF_UP, [-2, -1, -1, 0, 0, 0, 1, 2, 7]),
        (Rounding.HALF_AWAY, [-3, -2, -1, -1, 0, 0, 1, 2, 7]),
        (Rounding.FLOOR, [-3, -2, -1, -1, -1, 0, 1, 2, 7]),
    ],
)
def test_ties_by_hand(rounding, expected):
    """Slope 1/4: -10, -6 and -2 become the ties -2.5, -1.5 and -0.5; nothing happens from zero on."""
    network = one_prelu([1], 2, S8, S8, rounding)
    x = np.array([-10, -6, -4, -2, -1, 0, 1, 2, 7]).reshape(1, -1, 1)
    assert codes_of(network, x).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [0, 2, 2, 0, -2]),
        (Rounding.HALF_UP, [1, 2, 3, 0, -1]),
        (Rounding.HALF_AWAY, [1, 2, 3, -1, -2]),
        (Rounding.FLOOR, [0, 1, 2, -1, -2]),
    ],
)
def test_both_sides_are_rounded_alike_onto_a_coarser_grid(rounding, expected):
    """Slope 1, one fraction bit dropped: 1, 3, 5 and -1, -3 are halves of an output code."""
    network = one_prelu([16], 4, Format(True, 8, 1), Format(True, 8, 0), rounding)
    x = np.array([1, 3, 5, -1, -3]).reshape(1, -1, 1)
    assert codes_of(network, x).ravel().tolist() == expected


def test_each_channel_has_its_slope():
    network = one_prelu([0, 64, -64, 127, -127], 6, S8, S8, Rounding.HALF_EVEN)
    x = np.full((1, 1, 5), -100)
    assert codes_of(network, x).ravel().tolist() == [0, -100, 100, -128, 127]
    assert codes_of(network, -x).ravel().tolist() == [100] * 5


@pytest.mark.parametrize(
    ("slope", "frac", "code", "acc"),
    [
        (127, 12, -128, -16256),
        (-127, 12, -128, 16256),
        (127, 12, 127, 127 << 12),
        (127, 0, 127, 127),
        (3, 5, 0, 0),
        (3, 5, -1, -3),
        (3, 5, 1, 32),
    ],
)
def test_accumulators_by_hand(slope, frac, code, acc):
    found = prelu_accumulate(np.array([[code]], np.int8), np.array([slope], np.int8), frac)
    assert (found.dtype, found.item()) == (np.int64, acc)


def test_an_unsigned_result_is_a_relu_and_an_unsigned_source_passes():
    unsigned = Format(False, 8, 8)
    for source, slope, code, expected in ((S8, 64, -9, 0), (unsigned, -64, 255, 255)):
        network = one_prelu([slope], 7, source, unsigned, Rounding.FLOOR)
        assert codes_of(network, np.array([[[code]]])).item() == expected


@pytest.mark.parametrize("rounding", Rounding)
def test_random_codes_against_fractions(rounding):
    seed = 52
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(40):
        source, out = (
            Format(bool(rng.integers(2)), int(rng.integers(2, 17)), int(rng.integers(-3, 12)))
            for _ in range(2)
        )
        slopes, frac = rng.integers(-127, 128, 3), int(rng.integers(0, 13))
        x = rng.integers(source.min, source.max, (2, 2, 3), endpoint=True)
        expected: list[int] = []
        for *_, channel in np.ndindex(x.shape):
            code = int(x.ravel()[len(expected)])
            value = Fraction(code) / Fraction(2) ** source.frac
            value *= Fraction(int(slopes[channel]), 2**frac) if code < 0 else 1
            expected.append(slow_code(value, source.frac + frac, out, rounding))
        found = codes_of(one_prelu(slopes, frac, source, out, rounding), x)
        assert found.ravel().tolist() == expected
