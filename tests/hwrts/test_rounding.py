import numpy as np
import pytest
import torch

from hwrts.fixed_point import Format, Rounding, requantize
from hwrts.rounding import StraightThrough, round_by

TIES = {
    Rounding.HALF_EVEN: [-2, -2, 0, 0, 2, 2],
    Rounding.HALF_UP: [-2, -1, 0, 1, 2, 3],
    Rounding.HALF_AWAY: [-3, -2, -1, 1, 2, 3],
    Rounding.FLOOR: [-3, -2, -1, 0, 1, 2],
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
    for found in (round_by(x, rounding), StraightThrough(rounding)(x)):
        codes = found.clamp(-(2**15), 2**15 - 1).numpy()
        np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_the_gradient_passes(rounding):
    x = torch.tensor([0.3, -2.5], requires_grad=True)
    (StraightThrough(rounding)(x) * torch.tensor([2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]
