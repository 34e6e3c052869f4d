import numpy as np
import pytest

from hwrts.fixed_point.operators.depth_to_space import depth_to_space
from hwrts.fixed_point.operators.repeat import repeat


def test_depth_to_space_by_hand():
    # Two colours, block 2: channels 0..3 are the four pixels of colour 0, channels 4..7 of colour 1.
    x = np.array([[[0, 1, 2, 3, 10, 11, 12, 13], [20, 21, 22, 23, 30, 31, 32, 33]]], np.uint8)  # (1, 2, 8)
    y = depth_to_space(x, 2)
    assert y[..., 0].tolist() == [[0, 1, 20, 21], [2, 3, 22, 23]]
    assert y[..., 1].tolist() == [[10, 11, 30, 31], [12, 13, 32, 33]]
    assert y.dtype == np.uint8


def test_repeat_by_hand():
    x = np.array([[[1, -1]], [[2, -2]]], np.int8)  # (2, 1, 2)
    y = repeat(x, 2)
    assert y[..., 0].tolist() == [[1, 1], [1, 1], [2, 2], [2, 2]]
    assert y[..., 1].tolist() == [[-1, -1], [-1, -1], [-2, -2], [-2, -2]]
    assert y.dtype == np.int8


@pytest.mark.parametrize("block", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (3, 4)])
def test_every_code_goes_where_the_equation_says(block, size):
    channels = 3
    x = np.arange(size[0] * size[1] * channels * block**2).reshape(*size, -1)
    y, repeated = depth_to_space(x, block), repeat(x, block)
    assert y.shape == (size[0] * block, size[1] * block, channels)
    for row in range(y.shape[0]):
        for column in range(y.shape[1]):
            i, j = row % block, column % block
            for c in range(channels):
                assert y[row, column, c] == x[row // block, column // block, c * block**2 + i * block + j]
            assert repeated[row, column].tolist() == x[row // block, column // block].tolist()


def test_depth_to_space_of_copied_channels_is_repetition():
    """The identity behind the anchor form (eq. 13)."""
    x = np.arange(24).reshape(2, 4, 3)
    assert np.array_equal(depth_to_space(np.repeat(x, 4, axis=2), 2), repeat(x, 2))
