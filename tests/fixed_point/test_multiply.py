from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Format,
    HwrtsError,
    Input,
    Multiply,
    Network,
    Repeat,
    Rounding,
    layer_bounds,
    requantize,
)
from hwrts.fixed_point.operators.multiply import multiply_accumulate

from .build import check_row_by_row, random_conv
from .test_requantize import slow_code

S8 = Format(True, 8, 8)
FORMATS = [PIXEL, S8, Format(True, 3, 2), Format(False, 2, 5), Format(False, 4, 0), Format(True, 2, -3)]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [2, 2, -2, -2, 0, 64, -64]),
        (Rounding.HALF_UP, [2, 3, -1, -2, 0, 64, -64]),
        (Rounding.HALF_AWAY, [2, 3, -2, -3, 0, 64, -64]),
        (Rounding.FLOOR, [1, 2, -2, -3, 0, 63, -64]),
    ],
)
def test_half_of_each_code_by_hand(rounding, expected):
    a = np.array([3, 5, -3, -5, 0, 127, -128], np.int8)[:, None]
    acc = multiply_accumulate(a, np.full((7, 1), 128, np.uint8))  # 128 * 2**-8 is a half
    assert requantize(acc, 16, S8, rounding).ravel().tolist() == expected


@pytest.mark.parametrize("rounding", Rounding)
def test_random_products_against_fractions(rounding):
    seed = 41
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        a_format, b_format, out = (
            Format(bool(rng.integers(2)), int(rng.integers(4, 11)), int(rng.integers(2, 12)))
            for _ in range(3)
        )
        shape = (2, 3, int(rng.choice([1, 4])))
        a = rng.integers(a_format.min, a_format.max, (2, 3, 4), endpoint=True)
        b = rng.integers(b_format.min, b_format.max, shape, endpoint=True)
        expected = []
        for p, q in zip(a.ravel().tolist(), np.broadcast_to(b, a.shape).ravel().tolist(), strict=True):
            value = Fraction(p, 2**a_format.frac) * Fraction(q, 2**b_format.frac)
            expected.append(slow_code(value, a_format.frac + b_format.frac, out, rounding))
        layer = Multiply("y", ("a", "b"), out)
        for operands in ([a, b], [b, a]):
            formats = [a_format, b_format] if operands[0] is a else [b_format, a_format]
            assert layer.define(operands, formats, rounding).ravel().tolist() == expected
            quick = layer.picture([x.astype(np.int16) for x in operands], formats, rounding)
            assert quick.ravel().tolist() == expected


@pytest.mark.parametrize(("a", "b"), list(product(FORMATS, repeat=2)))
def test_bounds_are_the_extremes_over_all_codes_and_attained(a, b):
    products = [x * y for x, y in product(range(a.min, a.max + 1), range(b.min, b.max + 1))]
    layer = Multiply("y", ("a", "b"), PIXEL)
    bounds = layer_bounds(layer, [a, b], Rounding.HALF_EVEN)
    assert (bounds.lowest.tolist(), bounds.highest.tolist()) == ([min(products)], [max(products)])
    assert bounds.partial_sum.tolist() == [max(map(abs, products))]
    assert [end.tolist() for end in layer.attack(a, b)] == [[min(products)], [max(products)]]


@pytest.mark.parametrize("form", FORMATS)
def test_a_square_is_never_negative(form):
    """The corners of two tensors would say -128 * 127, which no input of a square reaches."""
    squares = [x * x for x in range(form.min, form.max + 1)]
    layer = Multiply("y", ("a", "a"), PIXEL)
    bounds = layer_bounds(layer, [form, form], Rounding.HALF_EVEN)
    assert [bounds.lowest.tolist(), bounds.highest.tolist()] == [[0], [max(squares)]]
    assert bounds.partial_sum.tolist() == [max(squares)]
    assert [end.tolist() for end in layer.attack(form, form)] == [[0], [max(squares)]]


def test_the_half_of_a_rule_is_part_of_the_partial_sum():
    layer = Multiply("y", ("a", "b"), PIXEL)  # a shift of 8
    assert layer_bounds(layer, [PIXEL, PIXEL], Rounding.HALF_UP).partial_sum.tolist() == [255 * 255 + 128]


def _of(*layers, **inputs):
    return Network(tuple(Input(name, *made) for name, made in inputs.items()), layers)


def test_what_is_refused():
    for sources in (("a",), ("a", "a", "a")):
        with pytest.raises(HwrtsError, match=f"'y': multiplies {len(sources)} tensors; use exactly 2"):
            _of(Multiply("y", sources, S8), a=(2, S8))  # type: ignore[arg-type]
    both = Multiply("y", ("a", "b"), S8)
    with pytest.raises(
        HwrtsError, match=r"'a' has 2 channels .*'b' 3 channels .*; both operands need the same, or"
    ):
        _of(both, a=(2, S8), b=(3, S8))
    with pytest.raises(
        HwrtsError, match=r"'r' has 1 channels at 2 times .*'b' 3 channels .*; both operands need the same"
    ):
        _of(Repeat("r", "a", 2), Multiply("y", ("r", "b"), S8), a=(1, S8), b=(3, S8))
    wide = Format(False, 16, 8)
    with pytest.raises(HwrtsError, match=f"an accumulator can reach {65535**2}, int32 ends at"):
        _of(both, a=(2, wide), b=(2, wide))
    with pytest.raises(HwrtsError, match=r"a requantising shift of 40\.\.40 bits is outside"):
        _of(both, a=(2, Format(True, 8, 24)), b=(2, Format(True, 8, 24)))
    with pytest.raises(HwrtsError, match=r"multiply: shapes \(1, 1, 3\) and \(1, 1, 2\) differ"):
        multiply_accumulate(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 2), np.uint8))
    with pytest.raises(HwrtsError, match=r"multiply: shapes \(2, 1, 3\) and \(1, 2, 3\) differ"):
        multiply_accumulate(np.zeros((2, 1, 3), np.uint8), np.zeros((1, 2, 3), np.uint8))


def gated(rounding=Rounding.HALF_EVEN):
    """A gate, a mask of one channel from either side, a square, and an operand that waits for the other."""
    rng = np.random.default_rng(43)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (4, 3), 3, S8, weight_frac=8),
            random_conv(rng, "b", "a", (4, 4), 5, Format(False, 8, 8), weight_frac=8),
            Multiply("gate", ("a", "b"), Format(True, 8, 7)),
            random_conv(rng, "mask", "gate", (1, 4), 3, Format(False, 5, 5), weight_frac=8),
            Multiply("left", ("mask", "gate"), Format(True, 8, 8)),
            Multiply("right", ("x", "mask"), PIXEL),
            Multiply("square", ("left", "left"), Format(False, 8, 9)),
            random_conv(rng, "last", "square", (3, 4), 1, S8, weight_frac=7),
            Multiply("y", ("right", "last"), S8),
        ),
        rounding,
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_gates_row_by_row(rounding):
    network = gated(rounding)
    codes = np.random.default_rng(44).integers(0, 256, (23, 9, 3)).astype(np.uint8)
    check_row_by_row(network, codes)
