import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Concat,
    Format,
    HwrtsError,
    Input,
    Multiply,
    Network,
    Reorder,
    Rounding,
    load_network,
    save_network,
)
from hwrts.fixed_point.operators.reorder import reorder_channels

from .build import check_row_by_row, random_conv

S8 = Format(True, 8, 8)


def order(*channels):
    return np.array(channels, np.int32)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0, 2, 1, 3), [5, 7, -6, 8]),
        ((3, 2, 1, 0), [8, 7, -6, 5]),
        ((1, 1), [-6, -6]),
        ((2,), [7]),
        ((0, 1, 2, 3, 0), [5, -6, 7, 8, 5]),
    ],
)
def test_orders_by_hand(given, expected):
    assert reorder_channels(np.array([[[5, -6, 7, 8]]], np.int8), order(*given)).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array([0, 1]), "int32"),
        (order(), "int32"),
        (order(0, 1).reshape(1, 2), "int32"),
        (order(0, -1), "reads channel -1; use 0 or more"),
        (order(0, 4), "reads channel 4, 'x' has 4; use at most 3"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(HwrtsError, match=message):
        Network((Input("x", 4, PIXEL),), (Reorder("y", "x", given.astype(given.dtype)),))


def shuffled(rounding=Rounding.HALF_EVEN):
    """A channel shuffle between two layers, the picture's colours in another order, one of them twice."""
    rng = np.random.default_rng(53)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (8, 3), 3, S8, weight_frac=8),
            Reorder("turned", "a", order(0, 4, 1, 5, 2, 6, 3, 7)),
            random_conv(rng, "b", "turned", (4, 8), 5, S8, weight_frac=8),
            Reorder("bgr", "x", order(2, 1, 0, 0)),
            Multiply("gate", ("b", "bgr"), S8),
            Concat("y", ("gate", "turned"), S8),
        ),
        rounding,
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_orders_row_by_row(rounding):
    network = shuffled(rounding)
    codes = np.random.default_rng(54).integers(0, 256, (23, 9, 3)).astype(np.uint8)
    tensors = check_row_by_row(network, codes)
    assert np.array_equal(tensors["turned"][..., 1], tensors["a"][..., 4])


def test_a_file_holds_the_order(tmp_path):
    save_network(shuffled(), tmp_path)
    found = [layer for layer in load_network(tmp_path).layers if isinstance(layer, Reorder)]
    assert [layer.order_i32.tolist() for layer in found] == [[0, 4, 1, 5, 2, 6, 3, 7], [2, 1, 0, 0]]


def test_the_deliberate_error_is_two_channels_that_differ():
    x = np.array([[[1, 1, 2, 3]]], np.uint8)
    layer = Reorder("y", "x", order(0, 1, 2, 3))
    broken = layer.corrupted([x], reorder_channels(x, layer.order_i32))
    assert broken.order_i32.tolist() == [0, 2, 1, 3]
