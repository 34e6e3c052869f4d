import numpy as np
import pytest
import torch

from hwrts.fixed_point import Format, Rounding, requantize
from hwrts.graph.rounding import (
    FINEST_SLOPE,
    StraightThrough,
    dyadic,
    dyadic_factor,
    dyadic_slopes,
    half_up_by_one_bit,
    round_by,
)

TIES = {
    Rounding.HALF_EVEN: [-2, -2, 0, 0, 2, 2],
    Rounding.HALF_UP: [-2, -1, 0, 1, 2, 3],
    Rounding.HALF_AWAY: [-3, -2, -1, 1, 2, 3],
    Rounding.FLOOR: [-3, -2, -1, 0, 1, 2],
    Rounding.DOUBLE: [-3, -2, -1, 1, 2, 3],  # its second half
}


@pytest.mark.parametrize("rounding", list(Rounding))
def test_ties_by_hand(rounding):
    x = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert round_by(x, rounding).tolist() == TIES[rounding]
    assert StraightThrough(rounding)(x).tolist() == TIES[rounding]


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("shift", [1, 2, 7, 15])
def test_equal_to_the_definition(rounding, shift):
    rng = np.random.default_rng(shift)
    acc = rng.integers(-(2**23), 2**23, 20_000)
    acc[:1000] = (rng.integers(-100, 100, 1000) << shift) + (1 << (shift - 1))  # ties
    expected = requantize(acc, shift, Format(True, 16, 0), rounding)
    x = torch.from_numpy(acc.astype(np.float32) * 2.0**-shift)
    if rounding is Rounding.DOUBLE:
        x = half_up_by_one_bit(x, torch.tensor(2.0**-shift), torch.tensor(shift))
    for found in (round_by(x, rounding), StraightThrough(rounding)(x)):
        codes = found.clamp(-(2**15), 2**15 - 1).numpy()
        np.testing.assert_array_equal(codes, expected)


def test_half_up_by_one_bit_by_hand():
    """Of a channel each: nothing where no bit is dropped, sums of the largest magnitude exactly."""
    sums = torch.tensor([[-3.0, -3.0, -3.0], [1.0, 1.0, 1.0], [2.0**24 - 1, 2.0**24 - 1, 2.0**24 - 1]])
    unit, shift = torch.tensor([1.0, 1 / 4, 4.0]), torch.tensor([0, 2, 1])
    assert half_up_by_one_bit(sums * unit, unit, shift).tolist() == [
        [-3.0, -2.0 / 4, -2.0 * 4],
        [1.0, 2.0 / 4, 2.0 * 4],
        [2.0**24 - 1, 2.0**24 / 4, 2.0**24 * 4],
    ]


@pytest.mark.parametrize("rounding", list(Rounding))
def test_the_gradient_passes(rounding):
    x = torch.tensor([0.3, -2.5], requires_grad=True)
    (StraightThrough(rounding)(x) * torch.tensor([2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("number", "code", "frac"),
    [
        (0.1, 102, 10), (-0.1, -102, 10), (1.0, 64, 6), (2.0, 64, 5), (127.0, 127, 0), (128.0, 64, -1),
        (0.75, 96, 7), (1 / 3, 85, 8), (127.5 / 128, 64, 6), (127.4 / 128, 127, 7), (1e-6, 67, 26),
        (1e6, 122, -13), (1e-12, 0, 32), (0.0, 0, 32),
    ],
)  # fmt: skip
def test_nearest_dyadic_numbers_by_hand(number, code, frac):
    codes, found = dyadic(torch.tensor([number], dtype=torch.float64))
    assert (codes.item(), found) == (code, frac)
    assert dyadic_factor(number) == (code, frac)
    if frac <= FINEST_SLOPE:
        slopes, found = dyadic_slopes(torch.tensor([number], dtype=torch.float64))
        assert (slopes.tolist(), found) == ([code], frac)


def test_dyadic_numbers_are_the_nearest_with_seven_bits():
    numbers = torch.rand(500, dtype=torch.float64) * 10.0 ** torch.randint(-3, 4, (500,))
    for number in numbers:
        code, frac = dyadic(number)
        value = float(code) * 2.0**-frac
        assert 63.5 <= float(code) <= 127
        assert abs(value - float(number)) <= float(number) * 2.0**-7
        again, same = dyadic(torch.tensor(value, dtype=torch.float64))
        assert float(again) * 2.0**-same == value
