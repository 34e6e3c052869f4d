from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Concat,
    Format,
    HwrtsError,
    Input,
    Network,
    Repeat,
    Rounding,
    layer_bounds,
    load_network,
    plan_lines,
    requantize,
    save_network,
)
from hwrts.fixed_point.operators.concat import concat_accumulate

from .build import check_row_by_row, random_conv
from .test_requantize import slow_code

U8 = Format(False, 8, 6)
S8 = Format(True, 8, 8)
RNG = np.random.default_rng(31)


def concat(xs, formats, out, rounding):
    return requantize(*concat_accumulate(xs, formats), out, rounding)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [10, 200, 0, 2, 2, 0, 0]),
        (Rounding.HALF_UP, [10, 200, 1, 2, 3, 0, 0]),
        (Rounding.HALF_AWAY, [10, 200, 1, 2, 3, 0, 0]),
        (Rounding.FLOOR, [10, 200, 0, 1, 2, 0, 0]),
    ],
)
def test_each_operand_is_rounded_once_by_hand(rounding, expected):
    # the second operand counts quarters of the first one's LSB: 0.5, 1.5, 2.5, -0.5, -0.75
    first, second = np.array([10, 200], np.uint8), np.array([2, 6, 10, -2, -3], np.int8)
    found = concat([first, second], [U8, S8], U8, rounding)
    assert found.tolist() == expected
    assert found.dtype == np.uint8


def test_equal_formats_change_no_code():
    xs = [RNG.integers(-128, 128, (3, 4, n)).astype(np.int8) for n in (1, 5, 2)]
    for rounding in Rounding:
        assert np.array_equal(concat(xs, [S8] * 3, S8, rounding), np.concatenate(xs, axis=2))


def test_a_finer_result_saturates_at_both_ends():
    found = concat([np.array([100, 7]), np.array([-100])], [S8, S8], Format(True, 8, 9), Rounding.FLOOR)
    assert found.tolist() == [127, 14, -128]


@pytest.mark.parametrize("rounding", Rounding)
def test_random_operands_against_fractions(rounding):
    seed = 32
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        *formats, out = (
            Format(bool(rng.integers(2)), int(rng.integers(4, 11)), int(rng.integers(2, 12)))
            for _ in range(rng.integers(3, 6))
        )
        xs = [rng.integers(f.min, f.max, (2, 3, int(rng.integers(1, 4))), endpoint=True) for f in formats]
        expected = [
            [
                slow_code(Fraction(code, 2**f.frac), max(each.frac for each in formats), out, rounding)
                for x, f in zip(xs, formats, strict=True)
                for code in x[place].tolist()
            ]
            for place in product(range(2), range(3))
        ]
        assert concat(xs, formats, out, rounding).reshape(6, -1).tolist() == expected


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        ([PIXEL, S8], [-128, 255, 255]),
        ([U8, S8], [-128, 4 * 255, 4 * 255]),
        ([S8, Format(True, 8, 6), PIXEL], [-512, 4 * 127, 512]),
        ([Format(False, 2, 0), Format(False, 4, 3)], [0, 24, 24]),
    ],
)
def test_bounds_by_hand_and_by_attack(formats, expected):
    layer = Concat("y", tuple("abc"[: len(formats)]), PIXEL)
    bounds = layer_bounds(layer, formats, Rounding.HALF_EVEN)
    assert [bounds.lowest.item(), bounds.highest.item(), bounds.partial_sum.item()] == expected
    lowest, highest = layer.attack(*formats)
    assert (lowest.tolist(), highest.tolist()) == (bounds.lowest.tolist(), bounds.highest.tolist())


def _of(*sources, out=PIXEL, inputs=("a", "b", "c")):
    return Network(tuple(Input(name, 2, S8) for name in inputs), (Concat("y", sources, out),))


def test_what_is_refused():
    for sources in ((), ("a",)):
        with pytest.raises(HwrtsError, match=f"'y': concatenates {len(sources)} tensors; use 2 or more"):
            _of(*sources)
    with pytest.raises(HwrtsError, match="source 'd' is not made before it"):
        _of("a", "d")
    with pytest.raises(HwrtsError, match=r"a requantising shift of 40\.\.40 bits is outside"):
        _of("a", "b", out=Format(True, 8, -32))
    far = (Input("a", 1, Format(True, 8, 32)), Input("b", 1, Format(True, 8, 0)))
    with pytest.raises(HwrtsError, match=r"an accumulator can reach .*, int32 ends at"):
        Network(far, (Concat("y", ("a", "b"), Format(True, 8, 20)),))


def test_sizes_must_agree():
    layers = (Repeat("r", "a", 2), Concat("y", ("a", "b", "r"), S8))
    with pytest.raises(
        HwrtsError, match="'a' has 2 channels at 1 times the input's size, 'r' 2 channels at 2 times"
    ):
        Network(tuple(Input(name, 2, S8) for name in "ab"), layers)


def dense(rounding=Rounding.HALF_EVEN):
    """Every layer reads all before it; operands of three formats wait for the slowest."""
    rng = np.random.default_rng(33)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (4, 3), 3, U8, weight_frac=8),
            Concat("xa", ("x", "a"), PIXEL),
            random_conv(rng, "b", "xa", (2, 7), 5, S8, weight_frac=8),
            Concat("xab", ("b", "x", "a", "x"), Format(True, 8, 7)),
            random_conv(rng, "y", "xab", (3, 12), 1, PIXEL, weight_frac=8),
        ),
        rounding,
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_a_dense_block_row_by_row(rounding):
    network = dense(rounding)
    codes = np.random.default_rng(34).integers(0, 256, (23, 9, 3)).astype(np.uint8)
    check_row_by_row(network, codes)


def test_operands_wait_where_a_line_buffer_does_not_hold_them():
    lines = plan_lines(dense().steps)
    assert {edge.source: (edge.rows - edge.kernel + 1, edge.tap) for edge in lines.into("xab")} == {
        "b": (0, None),
        "x": (3, None),  # a row more than the buffer of "a" holds, and one of two 5x5 rows
        "a": (2, None),
    }


def test_the_file_holds_any_number_of_operands(tmp_path):
    network = dense()
    save_network(network, tmp_path)
    assert [layer.sources for layer in load_network(tmp_path).layers] == [
        each.sources for each in network.layers
    ]


def test_reversed_operands_are_the_deliberate_error():
    layer, x = Concat("y", ("a", "b"), S8), np.arange(6, dtype=np.int8).reshape(1, 1, 6)
    other = layer.corrupted([x, -x], x)
    assert other.sources == ("b", "a")
    assert layer.corrupted([x, x], x) == Concat("y", ("a", "b"), Format(True, 8, 7))
