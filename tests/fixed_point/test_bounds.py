from itertools import product

import numpy as np
import pytest

from hwrts.fixed_point import (
    FLOAT32_LIMIT,
    PIXEL,
    Add,
    Bounds,
    Conv,
    Format,
    PRelu,
    Rounding,
    Scale,
    Upsample,
    attack_input,
    conv_accumulate,
    layer_bounds,
    pair_can_saturate_int16,
)
from hwrts.fixed_point.operators.upsample import upsample_accumulate

from .build import anchor_network, conv, random_conv

S8 = Format(True, 8, 8)


def sum_bounds(a: Format, b: Format) -> Bounds:
    return layer_bounds(Add("y", ("a", "b"), PIXEL), [a, b], Rounding.HALF_EVEN)


def sum_bound(a: Format, b: Format) -> int:
    return int(sum_bounds(a, b).partial_sum.max())


def test_reach_by_hand():
    # channel 0: up 5 = 2 + 3, down -7; channel 1: all zero, the bias alone
    layer = conv("c", "x", [[[[2]], [[-7]], [[3]]], [[[0]], [[0]], [[0]]]], bias=[10, -6])
    unsigned = layer_bounds(layer, [PIXEL], Rounding.HALF_EVEN)
    assert unsigned.highest.tolist() == [5 * 255 + 10, -6]
    assert unsigned.lowest.tolist() == [-7 * 255 + 10, -6]
    assert unsigned.partial_sum.tolist() == [12 * 255 + 10, 6]
    signed = layer_bounds(layer, [S8], Rounding.HALF_EVEN)
    assert signed.highest.tolist() == [5 * 127 + 7 * 128 + 10, -6]
    assert signed.lowest.tolist() == [5 * -128 - 7 * 127 + 10, -6]
    assert signed.partial_sum.tolist() == [12 * 128 + 10, 6]


@pytest.mark.parametrize("source", [Format(False, 2, 0), Format(True, 2, 0)])
def test_reach_is_the_extreme_over_all_inputs(source):
    seed = 21
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(5):
        layer = random_conv(rng, "c", "x", (1, 4), 1, PIXEL)
        sums = [
            int(conv_accumulate(np.array([[codes]]), layer.weight_i8, layer.bias_i32).item())
            for codes in product(range(source.min, source.max + 1), repeat=4)
        ]
        bounds = layer_bounds(layer, [source], Rounding.HALF_EVEN)
        assert (bounds.lowest.item(), bounds.highest.item()) == (min(sums), max(sums))
        assert bounds.partial_sum.item() >= max(map(abs, sums))


@pytest.mark.parametrize("source", [PIXEL, S8, Format(True, 5, 3)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_attack_reaches_the_extreme_exactly(source, sign, kernel):
    seed = 22
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(10):
        # biased weights, so that the worst extreme is upward for sign 1 and downward for sign -1
        weight = sign * rng.integers(-40, 127, (4, 3, kernel, kernel))
        layer = conv("c", "x", weight, bias=sign * rng.integers(0, 999, 4))
        codes, channel, reached = attack_input(layer, source)
        bounds = layer_bounds(layer, [source], Rounding.HALF_EVEN)
        assert codes.shape == (kernel, kernel, 3)
        assert codes.dtype == source.dtype
        assert source.min <= codes.min() <= codes.max() <= source.max
        centre = conv_accumulate(codes, layer.weight_i8, layer.bias_i32)[kernel // 2, kernel // 2, channel]
        assert centre == reached
        assert reached in (bounds.highest[channel], bounds.lowest[channel])
        assert abs(reached) == max(bounds.highest.max(), -bounds.lowest.min())
        if source.signed is False:
            assert (reached > 0) == (sign > 0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (PIXEL, PIXEL),
        (S8, S8),
        (PIXEL, S8),
        (Format(True, 3, 2), Format(False, 2, 5)),
        (Format(False, 4, 0), Format(True, 2, -3)),
    ],
)
def test_the_reach_of_a_sum_is_the_extreme_over_all_codes(a, b):
    frac = max(a.frac, b.frac)
    sums = [
        (x << (frac - a.frac)) + (y << (frac - b.frac))
        for x, y in product(range(a.min, a.max + 1), range(b.min, b.max + 1))
    ]
    bounds = sum_bounds(a, b)
    assert (bounds.lowest.tolist(), bounds.highest.tolist()) == ([min(sums)], [max(sums)])
    assert bounds.partial_sum.tolist() == [sum_bound(a, b)]
    assert sum_bound(a, b) >= max(map(abs, sums))


@pytest.mark.parametrize(
    ("lowest", "highest", "bits"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 1, 3), (-128, 127, 8), (-128, 128, 9), (-129, 5, 9)],
)
def test_bits_by_hand(lowest, highest, bits):
    ends = np.array([lowest]), np.array([highest])
    assert Bounds(*ends, np.array([200])).bits.tolist() == [bits]


@pytest.mark.parametrize("source", [PIXEL, S8, Format(True, 5, 3)])
def test_every_channel_is_attacked_to_both_ends(source):
    layer = random_conv(np.random.default_rng(8), "c", "x", (6, 4), 3, PIXEL)
    lowest, highest = layer.attack(source)
    bounds = layer_bounds(layer, [source], Rounding.HALF_EVEN)
    assert lowest.tolist() == bounds.lowest.tolist()
    assert highest.tolist() == bounds.highest.tolist()


def test_float32_is_exact_up_to_the_limit_and_not_at_it():
    for bias, exact in ((FLOAT32_LIMIT - 256, True), (FLOAT32_LIMIT - 255, False), (FLOAT32_LIMIT, False)):
        layer = conv("c", "x", [[[[1]]]], bias=bias)
        assert layer_bounds(layer, [PIXEL], Rounding.HALF_EVEN).exact_in_float32 is exact
        assert layer_bounds(layer, [PIXEL], Rounding.HALF_EVEN).partial_sum.tolist() == [255 + bias]


def test_the_worst_channel_decides():
    layer = conv("c", "x", [[[[1]]], [[[1]]]], bias=[0, -FLOAT32_LIMIT])
    assert not layer_bounds(layer, [PIXEL], Rounding.HALF_EVEN).exact_in_float32


@pytest.mark.parametrize(
    ("weights", "saturates"),
    [
        ([127], False),  # one product fits
        ([64, 64], False),  # 255 * 128 = 32640
        ([64, 65], True),  # 255 * 129 = 32895 > 32767
        ([-64, -64], False),
        ([-64, -65], True),
        ([127, -127, 0], False),  # opposite signs never add up
        ([127, 0, 2], True),  # neighbours in another order
        ([127, 0, 1], False),
        ([-2, 5, -127], True),
        ([63] * 9, False),  # 7-bit weights
        ([127, 127], True),
    ],
)
def test_pairs_that_saturate_int16(weights, saturates):
    layer = conv("c", "x", [[[[w]] for w in weights]])
    assert pair_can_saturate_int16(layer) is saturates


def test_pairs_are_of_one_output_channel():
    assert not pair_can_saturate_int16(conv("c", "x", [[[[127]]], [[[127]]]]))
    assert pair_can_saturate_int16(conv("c", "x", [[[[0]], [[0]]], [[[100]], [[29]]]]))


def test_pair_criterion_against_all_pairs():
    seed = 23
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    seen = set()
    for _ in range(60):
        layer = random_conv(rng, "c", "x", (2, 3), 1, PIXEL, bits=int(rng.integers(7, 9)))
        slow = any(
            not -32768 <= p * a + q * b <= 32767
            for row in layer.weight_i8.reshape(2, -1).tolist()
            for k, a in enumerate(row)
            for b in row[k + 1 :]
            for p, q in product((0, 255), repeat=2)
        )
        assert pair_can_saturate_int16(layer) is slow
        seen.add(slow)
    assert seen == {True, False}


def test_add_bound_by_hand():
    assert sum_bound(PIXEL, S8) == 255 + 128
    assert sum_bound(Format(False, 8, 6), Format(True, 8, 8)) == 4 * 255 + 128
    assert sum_bound(Format(True, 8, 8), Format(False, 8, 6)) == 4 * 255 + 128


def bounds_of(layer, source):
    bounds = layer_bounds(layer, [source], Rounding.HALF_EVEN)
    return [x.tolist() for x in (bounds.lowest, bounds.highest, bounds.partial_sum)]


@pytest.mark.parametrize(
    ("multiplier", "source", "expected"),
    [
        (3, PIXEL, [[0], [765], [765]]),
        (-3, PIXEL, [[-765], [0], [765]]),
        (127, S8, [[-16256], [16129], [16256]]),
        (-127, S8, [[-16129], [16256], [16256]]),
    ],
)
def test_bounds_of_a_scale_by_hand(multiplier, source, expected):
    assert bounds_of(Scale("y", "x", multiplier, 4, PIXEL), source) == expected


@pytest.mark.parametrize(
    ("slope", "source", "expected"),
    [
        (3, S8, [-384, 508, 508]),  # 3 * -128, and 127 << 2
        (-3, S8, [0, 508, 508]),  # -3 * -128 = 384 stays below
        (-127, S8, [0, 16256, 16256]),
        (127, S8, [-16256, 508, 16256]),
        (127, PIXEL, [0, 1020, 1020]),  # no code is below zero
    ],
)
def test_bounds_of_a_prelu_by_hand(slope, source, expected):
    layer = PRelu("y", "x", np.array([slope, slope], np.int8), 2, PIXEL)
    assert bounds_of(layer, source) == [[end] * 2 for end in expected]


def test_bounds_of_an_upsample_by_hand():
    bilinear = Upsample("y", "x", "bilinear", 2, PIXEL)
    assert bounds_of(bilinear, PIXEL) == [[0] * 4, [16 * 255] * 4, [16 * 255] * 4]
    assert bounds_of(bilinear, S8) == [[16 * -128] * 4, [16 * 127] * 4, [16 * 128] * 4]
    bicubic = Upsample("y", "x", "bicubic", 2, PIXEL)  # taps add up to 140 above and -12 below zero
    assert bounds_of(bicubic, PIXEL) == [[-3360 * 255] * 4, [19744 * 255] * 4, [23104 * 255] * 4]
    assert layer_bounds(bicubic, [PIXEL], Rounding.HALF_EVEN).exact_in_float32
    assert layer_bounds(bicubic, [S8], Rounding.HALF_EVEN).exact_in_float32
    assert len(bounds_of(Upsample("y", "x", "bilinear", 4, PIXEL), S8)[0]) == 16


@pytest.mark.parametrize("source", [PIXEL, S8, Format(True, 2, 0), Format(False, 5, 2)])
@pytest.mark.parametrize(
    "layer",
    [
        *(Scale("y", "x", m, 3, PIXEL) for m in (-127, -1, 0, 1, 127)),
        *(PRelu("y", "x", np.array([-127, -1, 0, 1, 127], np.int8), k, PIXEL) for k in (0, 6, 7, 12)),
        *(Upsample("y", "x", *kind, PIXEL) for kind in (("bilinear", 2), ("bilinear", 4), ("bicubic", 2))),
    ],
)
def test_every_other_bound_is_reached(layer, source):
    bounds = layer_bounds(layer, [source], Rounding.HALF_EVEN)
    lowest, highest = layer.attack(source)
    assert (lowest.tolist(), highest.tolist()) == (bounds.lowest.tolist(), bounds.highest.tolist())
    assert (bounds.partial_sum >= np.maximum(highest, -lowest)).all()


def test_no_picture_leaves_the_bounds_of_an_upsample():
    rng = np.random.default_rng(24)
    for kind, factor in (("bilinear", 2), ("bilinear", 4), ("bicubic", 2)):
        bounds = layer_bounds(Upsample("y", "x", kind, factor, PIXEL), [S8], Rounding.HALF_EVEN)
        for height, width in product(range(1, 6), repeat=2):  # at every distance from the edges
            for _ in range(20):
                x = np.where(rng.integers(0, 2, (height, width, 1)) == 0, S8.min, S8.max)
                acc = upsample_accumulate(x, kind, factor)
                assert bounds.lowest.min() <= acc.min() <= acc.max() <= bounds.highest.max()


def test_bounds_of_a_network_by_name():
    network = anchor_network()
    bounds = network.bounds
    assert list(bounds) == [layer.name for layer in network.layers if isinstance(layer, Conv | Add)]
    layer = network.layer("ext_r")
    assert (
        bounds["ext_r"].highest.tolist()
        == layer_bounds(layer, [network.formats["r"]], Rounding.HALF_EVEN).highest.tolist()
    )
