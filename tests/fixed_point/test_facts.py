"""What every operator says of itself, for those who ask none of which kind it is: by hand, then of all."""

from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import (
    OPERATORS,
    Add,
    Clip,
    Concat,
    Conv,
    Format,
    GlobalAverage,
    Input,
    Lookup,
    MaxPool,
    Network,
    PRelu,
    Reorder,
    Rounding,
    Scale,
    Tensor,
    Upsample,
    run_layer,
)
from hwrts.fixed_point.operators.operator import part_of
from tests.fixed_point.random_networks import random_inputs, random_network

U8, S8, S4, U7 = Format(False, 8, 8), Format(True, 8, 8), Format(True, 4, 4), Format(False, 8, 7)
ONE = np.ones(2, np.int32)
CONV = Conv("y", "x", np.array([[[[2, -1]]], [[[0, 3]]]], np.int8), ONE, ONE * 5, U8, pads=(0, 0, 0, 1))
TABLE = Lookup("y", "x", np.arange(16, dtype=np.int16) - 8, Format(True, 5, 3))


def column(*numbers):
    return [[number] for number in numbers]


@pytest.mark.parametrize(
    ("layer", "format_of", "kernel"),
    [
        (CONV, None, (1, 2, (0, 0, 0, 1))),
        (MaxPool("y", "x", (2, 3), 2, (1, 1, 0, 0)), "x", (2, 3, (1, 1, 0, 0))),
        (Clip("y", "x", 0, 5), "x", None),
        (TABLE, None, None),
        (Add("y", ("x", "z"), U8), None, None),
        (GlobalAverage("y", "x", U8), None, None),
        (Upsample("y", "x", "bilinear", 2, U8), None, None),  # of its taps no number of it says any
    ],
    ids=lambda each: type(each).__name__,
)
def test_format_and_kernel(layer, format_of, kernel):
    assert layer.format_of == format_of
    shape = layer.shape
    assert (shape and (shape.rows, shape.columns, shape.margins)) == kernel


@pytest.mark.parametrize(
    ("layer", "stored"),
    [
        (
            CONV,
            {
                "weight": ([[[[2], [-1]]], [[[0], [3]]]], "input channel of the group", 8, True),
                "bias": (column(5, 5), "one number", 32, True),
            },
        ),
        (TABLE, {"table": (column(*range(-8, 8)), "one number", 5, True)}),
        (
            PRelu("y", "x", np.array([3, -1], np.int8), 2, S8),
            {"slope": (column(3, -1), "one number", 8, True)},
        ),
        (
            Reorder("y", "x", np.array([1, 0], np.int32)),
            {"order": (column(1, 0), "one number", 32, True)},
        ),
        (
            Upsample("y", "x", "bilinear", 2, U8),
            {"taps": ([[1, 3, 0], [0, 3, 1]], "tap", 16, True)},
        ),
        (Add("y", ("x", "z"), U8), {}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_stored(layer, stored):
    found = {
        part: (each.values.tolist(), each.axes[-1], each.bits, each.signed)
        for part, each in layer.stored().items()
    }
    assert found == stored
    assert list(found) == list(stored)  # the order of files
    assert all(each.values.ndim == len(each.axes) for each in layer.stored().values())


@pytest.mark.parametrize(
    ("layer", "formats", "rounds"),
    [
        (CONV, [U8], [True, True]),  # one bit of each channel
        (Conv("y", "x", CONV.weight_i8, np.arange(2, dtype=np.int32), ONE, U8), [U8], [False, True]),
        (Add("y", ("x", "z"), U8), [U8, S8], [False]),
        (Add("y", ("x", "z"), U7), [U8, S8], [True]),
        (GlobalAverage("y", "x", U8), [U8], [True]),
        (TABLE, [S4], [False]),
        (Clip("y", "x", 0, 5), [S4], [False]),
    ],
)
def test_rounds(layer, formats, rounds):
    assert np.atleast_1d(layer.rounds(*formats)).tolist() == rounds


@pytest.mark.parametrize(
    ("layer", "formats", "xs", "exact"),
    [
        (Add("y", ("x", "z"), U7), [U8, U8], [3, 4], (7, 2)),
        (Scale("y", "x", -3, 1, S8), [S8], [5], (-15, 2)),
        (Scale("y", "x", 3, 0, Format(True, 8, 10)), [S8], [-5], (-60, 1)),  # two bits more, none are dropped
        (GlobalAverage("y", "x", U7), [U8], [7], (7, 2)),
        (TABLE, [S4], [3], None),
        (Clip("y", "x", 0, 5), [S4], [3], None),
    ],
)
def test_unrounded(layer, formats, xs, exact):
    codes = [np.full((1, 1, 1), code, np.int16) for code in xs]
    found = layer.unrounded(codes, formats)
    assert (found and tuple(int(np.ravel(each)[0]) for each in found)) == exact


def tensor(name, out, channels=1, scale=1):
    return Tensor(name, channels, Fraction(scale), out, (-1, -1) if not scale else (0, 0))


@pytest.mark.parametrize(
    ("layer", "sources", "frames"),
    [
        (Scale("y", "x", -3, 1, S8), [tensor("x", S4)], [{"x": -8}, {"x": 0}, {"x": 7}]),
        (Add("y", ("x", "x"), U8), [tensor("x", U8)] * 2, [{"x": 0}, {"x": 255}]),
        (
            Concat("y", ("x", "z"), U8),
            [tensor("x", U8), tensor("z", S4)],
            [{"x": 0, "z": -8}, {"x": 255, "z": 7}],
        ),
        (TABLE, [tensor("x", S4)], []),
        (Clip("y", "x", 0, 5), [tensor("x", S4)], []),
        (CONV, [tensor("x", U8, scale=0)], []),  # one pixel meets one of two taps
    ],
)
def test_worst(layer, sources, frames):
    assert list(layer.worst(*sources)) == frames


def test_worst_of_a_kernel():
    low, high = CONV.worst(tensor("x", S4))  # 3x' of channel 1 goes lowest, to -24, and 2x - x' of 0 highest
    assert (low["x"].ravel().tolist(), high["x"].ravel().tolist()) == ([-8, -8], [7, -8])


def test_which_frames_show_rounding():
    every = {name for name, kind in OPERATORS.items() if getattr(kind, "EVERY_CODE", False)}
    assert every == {"Add", "Scale", "PRelu", "Multiply", "Resize"}
    assert {name for name, kind in OPERATORS.items() if kind.TIES_IN_LINES} == {"Resize"}


def test_name_of_a_part():
    assert [part_of(name) for name in ("order_i32", "slope_frac", "bits_u8_i8")] == [
        "order",
        "slope_frac",
        "bits_u8",
    ]


@pytest.mark.parametrize("seed", range(40))
def test_of_any_network(seed):
    """What each layer says, beside what its definition makes: codes are its exact results, rounded down."""
    network = random_network(seed, several=seed % 2 == 0)
    codes = random_inputs(network, 12, 12, seed)
    tensors = dict(codes)
    for layer in network.layers:
        xs, formats = [tensors[each] for each in layer.sources], network.formats_of(layer.sources)
        made, clamped = layer.define_counted(xs, formats, Rounding.FLOOR)
        tensors[layer.name] = run_layer(network, layer, tensors, "int64")
        assert np.array_equal(made, layer.define(xs, formats, Rounding.FLOOR))
        assert (clamped is not None) == (layer in network.requantised)
        own = layer.format_of
        assert network.formats[layer.name] == (network.formats[own] if own else layer.out)
        exact = layer.unrounded(xs, formats)
        if exact is None:
            assert not layer.rounds(*formats).any()
            assert layer.shift(*formats) is None
            assert layer.sums(xs, formats) is None
            continue
        numerator, denominator = exact
        out = layer.out
        floor = np.clip(numerator // denominator, out.min, out.max)
        assert np.array_equal(np.broadcast_to(floor, made.shape), made)
        if clamped is not None:
            assert np.array_equal(layer.rounds(*formats), np.asarray(denominator) > 1)


def test_wires():
    wires = {name for name, kind in OPERATORS.items() if kind.WIRES}
    assert wires == {"DepthToSpace", "Repeat", "Reorder", "Slice"}


def test_all_of_a_kind_in_order():
    layers = (Clip("a", "x", 0, 5), Scale("b", "a", 3, 1, S8), Clip("c", "b", 0, 4))
    network = Network((Input("x", 1, S8),), layers)
    assert network.of(Clip) == (layers[0], layers[2])
    assert network.of(Conv) == network.convs == ()
    assert network.requantised == (layers[1],)
