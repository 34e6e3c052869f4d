import numpy as np
import pytest

from hwrts.fixed_point import HwrtsError, Padding, conv_accumulate


def slow_conv(x, weight, bias, padding=Padding.ZERO, groups=1, stride=1, dilation=1, pads=None):
    """Loops over Python integers, written from the equations alone."""
    height, width, _ = x.shape
    outputs, inputs, rows, columns = weight.shape
    down, right = (rows - 1) * dilation // 2, (columns - 1) * dilation // 2
    above, left, below, behind = (down, right, down, right) if pads is None else pads

    def place(n, size):
        if padding is Padding.REPLICATE:
            return min(max(n, 0), size - 1)
        if padding is Padding.REFLECT:
            return -n if n < 0 else 2 * (size - 1) - n if n >= size else n
        return n

    result: list[list[list[int]]] = []
    for row in range(-above, height + below - (rows - 1) * dilation, stride):
        result.append([])
        for column in range(-left, width + behind - (columns - 1) * dilation, stride):
            result[-1].append([int(b) for b in bias])
            for o in range(outputs):
                first = o // (outputs // groups) * inputs
                for ky in range(rows):
                    for kx in range(columns):
                        y, z = place(row + ky * dilation, height), place(column + kx * dilation, width)
                        if 0 <= y < height and 0 <= z < width:
                            for i in range(inputs):
                                result[-1][-1][o] += int(weight[o, i, ky, kx]) * int(x[y, z, first + i])
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
    if padding is Padding.REFLECT and min(size) <= kernel // 2:
        with pytest.raises(HwrtsError, match=f"it needs at least {kernel // 2 + 1}x{kernel // 2 + 1}"):
            conv_accumulate(x, weight, bias, padding)
    else:
        assert conv_accumulate(x, weight, bias, padding).tolist() == slow_conv(x, weight, bias, padding)


SHAPES = [
    ((2, 2), {"pads": (0, 0, 0, 0)}),
    ((2, 2), {"pads": (0, 0, 1, 1)}),
    ((4, 4), {"pads": (1, 1, 1, 1), "stride": 2}),
    ((4, 4), {"pads": (1, 2, 2, 1)}),
    ((3, 3), {"stride": 2}),
    ((3, 3), {"stride": 2, "pads": (0, 0, 1, 1)}),
    ((3, 3), {"pads": (2, 2, 2, 2)}),
    ((5, 5), {"stride": 3, "pads": (1, 2, 3, 0)}),
    ((3, 3), {"dilation": 2}),
    ((3, 3), {"dilation": 2, "stride": 2, "pads": (1, 0, 2, 3)}),
    ((1, 3), {}),
    ((3, 1), {"stride": 2}),
    ((5, 1), {"dilation": 2}),
    ((1, 1), {"stride": 3}),
]


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize(("kernel", "shape"), SHAPES)
@pytest.mark.parametrize(("groups", "outputs"), [(1, 2), (2, 4), (4, 4), (4, 8)])
def test_any_shape_against_loops(kernel, shape, groups, outputs, padding):
    rng = np.random.default_rng(15)
    weight = rng.integers(-127, 128, (outputs, 4 // groups, *kernel)).astype(np.int8)
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    for size in ((5, 8), (6, 7), (9, 6)):
        x = rng.integers(-128, 128, (*size, 4)).astype(np.int8)
        found = conv_accumulate(x, weight, bias, padding, groups=groups, **shape)
        assert found.tolist() == slow_conv(x, weight, bias, padding, groups, **shape)


def test_shapes_by_hand():
    row, zero = np.array([[[1], [2], [4], [8]]]), np.zeros(1, np.int32)
    pair, three = np.array([[[[1, 10]]]], np.int8), np.array([[[[1, 10, 100]]]], np.int8)
    wide = {"pads": (0, 0, 0, 0)}

    def sums(weight, padding=Padding.ZERO, **shape):
        return conv_accumulate(row, weight, zero, padding, **shape).ravel().tolist()

    assert sums(pair, **wide) == [21, 42, 84]
    assert sums(pair, stride=2, **wide) == [21, 84]
    assert sums(pair, stride=3, **wide) == [21]  # the last pixel is read by nobody
    assert sums(pair, pads=(0, 1, 0, 0)) == [10, 21, 42, 84]
    assert sums(three, dilation=2) == [410, 820, 41, 82]
    assert sums(three, Padding.REFLECT) == [212, 421, 842, 484]
    assert sums(three, stride=2) == [210, 842]


def test_groups_by_hand():
    # channels 1 2 | 3 4: the first two outputs read the first pair, the others the second
    x, zero = np.array([[[1, 2, 3, 4]]]), np.zeros(4, np.int32)
    weight = np.array([[1, 10], [10, 1], [1, 10], [10, 1]], np.int8)[..., None, None]
    assert conv_accumulate(x, weight, zero, groups=2).ravel().tolist() == [21, 12, 43, 34]
    own = np.array([1, 10, 100, -1], np.int8)[:, None, None, None]
    assert conv_accumulate(x, own, zero, groups=4).ravel().tolist() == [1, 20, 300, -4]
