"""Planes at other places."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from hwrts.data.resample import Interpolation, places, taps
from hwrts.fixed_point import upsample_kernel


@pytest.mark.parametrize("kind", get_args(Interpolation))
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_kernel_is_that_of_the_networks(kind, scale):
    # chroma that a network does not see becomes larger as its own up-sampling would enlarge luma (eq. 17)
    first, weight, parts = places(0, scale, scale, 1, cosited=False)
    weights, total = taps(weight, parts, kind)
    wide = upsample_kernel(kind, scale)
    middle = len(wide[0]) // 2
    for phase in range(scale):
        found = [Fraction(0)] * (2 * middle + 1)
        for step, each in enumerate(weights, 1 - len(weights) // 2):
            found[middle + int(first[phase]) + step] += Fraction(int(each[phase]), total)
        assert found == wide[phase]


def test_weights_add_up_to_their_total():
    for kind in get_args(Interpolation):
        weights, total = taps(np.arange(12), 12, kind)
        assert (sum(weights) == total).all()
