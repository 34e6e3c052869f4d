import numpy as np
import pytest

from hwrts.fixed_point import Padding, conv_accumulate


def slow_conv(x, weight, bias, replicate=False):
    """Five loops over Python integers, written from the equation alone; the picture's outside is 0."""
    height, width, in_channels = x.shape
    out_channels, _, kernel, _ = weight.shape
    result = [[[int(b) for b in bias] for _ in range(width)] for _ in range(height)]
    for row in range(height):
        for column in range(width):
            for o in range(out_channels):
                for ky in range(kernel):
                    for kx in range(kernel):
                        y, z = row + ky - kernel // 2, column + kx - kernel // 2
                        if replicate:
                            y, z = min(max(y, 0), height - 1), min(max(z, 0), width - 1)
                        if 0 <= y < height and 0 <= z < width:
                            for i in range(in_channels):
                                result[row][column][o] += int(weight[o, i, ky, kx]) * int(x[y, z, i])
    return result


def conv(x, weight, bias):
    return conv_accumulate(
        np.array(x, np.uint8), np.array(weight, np.int8), np.array(bias, np.int32)
    ).tolist()


COUNT = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]  # a kernel in which no two taps can be confused


def test_one_pixel_sees_the_centre_tap():
    assert conv([[[10]]], COUNT, [3]) == [[[53]]]


def test_one_row():
    # 1 0 0: the pixel right of the impulse sees it through its left tap 4, the impulse through 5
    assert conv([[[1], [0], [0]]], COUNT, [0]) == [[[5], [4], [0]]]


def test_one_column():
    assert conv([[[1]], [[0]], [[0]]], COUNT, [0]) == [[[5]], [[2]], [[0]]]


def test_an_impulse_shows_the_kernel_turned_by_180_degrees():
    picture = np.zeros((3, 3, 1), np.uint8)
    picture[1, 1] = 1
    assert conv(picture, COUNT, [0]) == [[[9], [8], [7]], [[6], [5], [4]], [[3], [2], [1]]]


def test_channels_by_hand():
    # (O, I) = (2, 3), 1x1: outputs 1*2 + 2*3 + 3*5 = 23 and -1*2 + 0*3 + 1*5 = 3, with biases 100 and -4
    weight = [[[[1]], [[2]], [[3]]], [[[-1]], [[0]], [[1]]]]
    assert conv([[[2, 3, 5]]], weight, [100, -4]) == [[[123, -1]]]


def test_range_ends_do_not_wrap():
    x = np.full((3, 3, 64), 255, np.uint8)
    weight = np.full((1, 64, 3, 3), -127, np.int8)
    acc = conv_accumulate(x, weight, np.array([-(2**30)], np.int32))
    assert acc[1, 1, 0] == -127 * 255 * 576 - 2**30
    assert acc.dtype == np.int64


def test_signed_codes():
    x = np.full((1, 1, 1), -128, np.int8)
    assert conv_accumulate(x, np.full((1, 1, 1, 1), -127, np.int8), np.zeros(1, np.int32)).item() == 16256


def test_replicated_edges_by_hand():
    # three rows of 1 1 2 2, columns of COUNT summed: 12*1 + 15*1 + 18*2 and 12*1 + 15*2 + 18*2
    x, weight, bias = np.array([[[1], [2]]], np.uint8), np.array(COUNT, np.int8), np.zeros(1, np.int32)
    assert conv_accumulate(x, weight, bias, Padding.REPLICATE).tolist() == [[[63], [78]]]


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_replicated_edges_leave_no_frame(level):
    x, rng = np.full((5, 6, 2), level, np.uint8), np.random.default_rng(14)
    weight, bias = rng.integers(-127, 128, (3, 2, 5, 5)).astype(np.int8), np.full(3, 77, np.int32)
    acc = conv_accumulate(x, weight, bias, Padding.REPLICATE)
    assert (acc == acc[2, 3]).all()
    assert level == 0 or (conv_accumulate(x, weight, bias) != acc).any()


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1), (4, 5)])
def test_random_pictures_against_loops(kernel, size, padding):
    seed = 13
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (*size, 3)).astype(np.int8)
    weight = rng.integers(-127, 128, (2, 3, kernel, kernel)).astype(np.int8)
    bias = rng.integers(-(2**20), 2**20, 2).astype(np.int32)
    expected = slow_conv(x, weight, bias, replicate=padding is Padding.REPLICATE)
    assert conv_accumulate(x, weight, bias, padding).tolist() == expected
