"""How convolutions are folded: by hand, against all foldings that there are, and as wide as proved."""

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of
from hwrts.export.rtl.folding import Folding, folded
from hwrts.fixed_point import Conv

from .build import S8, random_conv, single


def conv(inputs=3, kernel=3, outputs=4):
    return random_conv(np.random.default_rng(1), "c", "x", outputs, inputs, kernel, S8)


@pytest.mark.parametrize(
    ("outputs", "inputs", "kernel", "cycles", "folding"),
    [
        (32, 32, 3, 16, Folding(2, 288)),  # 9216 weights by 16
        (32, 3, 3, 16, Folding(2, 27)),
        (3, 32, 3, 16, Folding(3, 18)),
        (32, 32, 3, 1, Folding(32, 288)),
        (32, 32, 3, 9216, Folding(1, 1)),
        (5, 3, 1, 4, Folding(5, 1)),  # 15 weights: 4 do not do
    ],
)
def test_foldings_by_hand(outputs, inputs, kernel, cycles, folding):
    layer = conv(inputs=inputs, outputs=outputs, kernel=kernel)
    assert folded(layer, cycles) == folding
    assert folding.cycles(layer) <= cycles


def test_no_folding_has_fewer_multipliers():
    """Against all that there are."""
    layer = conv(inputs=3, outputs=7, kernel=1)
    for cycles in range(1, 25):
        every = [Folding(pe, simd) for pe in range(1, 8) for simd in range(1, 4)]
        least = min(each.multipliers for each in every if each.cycles(layer) <= cycles)
        assert folded(layer, cycles).multipliers == least


def test_the_accumulator_is_as_wide_as_proved():
    zero = np.zeros(1, np.int32)
    layer = Conv("c", "x", np.full((1, 1, 1, 1), 3, np.int8), zero, zero, S8)
    circuit = circuit_of(single(layer, 1), Settings())
    assert circuit.modules["c"].parameters["ACC"] == 11  # 0 .. 765
