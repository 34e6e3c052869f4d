"""Modules that nobody thought of: from torch to 0 differing codes; `pytest -m slow` makes three hundred."""

import pytest

from hwrts.fixed_point import Rounding
from hwrts.runs.own_check import check_own_module

from .random_modules import kinds_of, random_module
from .test_field import verified

ROUNDINGS = list(Rounding)


def check(seed: int) -> None:
    module = random_module(seed).eval()
    print(f"seed {seed}: {module}")
    verified(check_own_module(module), ROUNDINGS[seed % len(ROUNDINGS)], pixels=24)


@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("seed", range(20))
def test_a_random_module(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("seed", range(20, 320))
def test_three_hundred_random_modules(seed: int) -> None:
    check(seed)


def test_the_modules_differ() -> None:
    """A builder that always made the same would prove nothing."""
    found = set().union(*(kinds_of(random_module(seed)) for seed in range(320)))
    assert {"Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "PixelShuffle", "PixelUnshuffle"} < found
    assert {"Upsample", "BatchNorm2d", "PReLU", "ReLU6", "SiLU", "Hardtanh", "Half"} < found
    assert {"sum", "difference", "gate", "square", "concat", "affine", "excite"} < found
