import numpy as np
import pytest

from hwrts.fixed_point import (
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    Network,
    SpaceToDepth,
    plan_lines,
    run,
)
from hwrts.fixed_point.operators.space_to_depth import space_to_depth

S8 = Format(True, 8, 8)


def test_by_hand():
    # pixels 0 1 / 10 11 of channel 0, 100 more in channel 1: channel 0's square comes first
    square = np.array([[0, 1], [10, 11]])
    x = np.stack([square, square + 100], axis=-1)
    assert space_to_depth(x, 2).tolist() == [[[0, 1, 10, 11, 100, 101, 110, 111]]]
    wide = np.arange(6).reshape(1, 6, 1).repeat(3, axis=0)
    assert space_to_depth(wide, 3)[0].tolist() == [[0, 1, 2] * 3, [3, 4, 5] * 3]


@pytest.mark.parametrize("block", [2, 3, 4])
def test_it_is_depth_to_space_backwards(block):
    x = np.random.default_rng(1).integers(-128, 128, (12, 24, 2)).astype(np.int8)
    network = Network((Input("x", 2, S8),), (SpaceToDepth("a", "x", block), DepthToSpace("y", "a", block)))
    assert network.multiple == block
    for path in ("int64", "fast"):
        assert np.array_equal(run(network, x, path), x)
    # all rows of a square but the last wait for that, then come at once: no row waits any more
    assert plan_lines(network.steps).rows("a") == block - 1
    assert plan_lines(network.steps).rows("y") == 0


def test_refusals():
    with pytest.raises(HwrtsError, match="block 1 is not allowed"):
        Network((Input("x", 2, S8),), (SpaceToDepth("y", "x", 1),))
    one, zero = np.ones((1, 1, 2, 2), np.int8), np.zeros(1, np.int32)
    valid = Conv("c", "x", one, zero, zero, S8, pads=(0, 0, 0, 0))
    with pytest.raises(HwrtsError, match="less 1 rows and 1 columns, which does not divide by 2; pad"):
        Network((Input("x", 1, S8),), (valid, SpaceToDepth("y", "c", 2)))
    network = Network((Input("x", 1, S8),), (SpaceToDepth("y", "x", 2),))
    with pytest.raises(HwrtsError, match="a picture of 3x4 does not divide by 2, by which layers shrink"):
        run(network, np.zeros((3, 4, 1), np.int8))
