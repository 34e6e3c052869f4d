"""Single layers as circuits: shapes of convolutions, grids of additions, rules, sizes, ties."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwrts.export.rtl import Settings, circuit_of
from hwrts.export.rtl.bench import vector_files
from hwrts.export.rtl.folding import Folding
from hwrts.export.vectors.ties import tie_frames
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Clip,
    DepthToSpace,
    Format,
    Input,
    Lookup,
    Multiply,
    Network,
    Padding,
    PRelu,
    Reorder,
    Repeat,
    Rounding,
    Scale,
)

from . import simulate
from .build import S8, U8, random_conv, single
from .simulate import Simulation, noise

SIZES = [(1, 1), (1, 4), (5, 1), (2, 2), (6, 8)]


def assert_exact(tmp_path, network, settings=None, foldings=None, sizes=SIZES):
    circuit = circuit_of(network, settings or Settings(widest=8, cycles=8), foldings)
    simulation = Simulation(circuit, tmp_path)
    for height, width in sizes:
        verdict = simulation.run(noise(circuit, height, width, frames=2), (80, 80), seed=height)
        assert verdict.passed, verdict.text
    return simulation


SHAPES: dict[str, dict[str, Any]] = {
    "1x1": {"kernel": 1},
    "1x3": {"kernel": (1, 3)},
    "5x1": {"kernel": (5, 1)},
    "7x3": {"kernel": (7, 3)},
    "2x2 up and left": {"kernel": 2, "pads": (1, 1, 0, 0)},
    "2x2 down and right": {"kernel": 2, "pads": (0, 0, 1, 1)},
    "4x4": {"kernel": 4, "pads": (1, 2, 2, 1)},
    "dilated": {"kernel": 3, "dilation": 2},
    "two groups": {"kernel": 3, "groups": 2},
    "depthwise": {"kernel": 3, "groups": 4, "outputs": 4},
    "depthwise, twice as many": {"kernel": 3, "groups": 4, "outputs": 8},
}


@pytest.mark.parametrize("padding", [Padding.REPLICATE, Padding.ZERO])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.in_turns
def test_shapes_of_convolutions(tmp_path, shape, padding):
    fields = {"outputs": 6, **SHAPES[shape], "padding": padding}
    outputs, kernel = fields.pop("outputs"), fields.pop("kernel")
    layer = random_conv(np.random.default_rng(1), "c", "x", outputs, 4, kernel, S8, **fields)
    assert_exact(tmp_path, single(layer, 4, U8))


REFLECTED: dict[str, dict[str, Any]] = {
    "3x3": {"kernel": 3},
    "7x5": {"kernel": (7, 5)},
    "dilated": {"kernel": 3, "dilation": 2},
    "4x4": {"kernel": 4, "pads": (1, 2, 2, 1)},
    "2x2 up and left": {"kernel": 2, "pads": (1, 1, 0, 0)},
    "2x2 down and right": {"kernel": 2, "pads": (0, 0, 1, 1)},
    "all above and left": {"kernel": 3, "pads": (2, 2, 0, 0)},
    "all below and right": {"kernel": 3, "pads": (0, 0, 2, 2)},
    "half the size": {"kernel": 3, "stride": 2},
    "4x4, a third": {"kernel": 4, "stride": 3, "pads": (1, 0, 2, 3)},
    "1x1": {"kernel": 1},
}


@pytest.mark.parametrize("case", REFLECTED)
@pytest.mark.in_turns
def test_reflected_edges(tmp_path, case):
    """From the smallest picture that has something to reflect: rows and columns beside each edge differ."""
    fields = REFLECTED[case] | {"padding": Padding.REFLECT}
    layer = random_conv(np.random.default_rng(4), "c", "x", 2, 1, fields.pop("kernel"), S8, **fields)
    network = single(layer, 1, U8)
    least = network.legal_size(*(layer.window.smallest(axis) for axis in (0, 1)))
    more = network.legal_size(least[0] + 3, least[1] + 4)
    simulate.assert_exact(tmp_path, network, [least, (least[0], more[1]), (more[0], least[1]), more])


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (2, 5), (3, 27), (4, 4), (5, 26), (5, 27), (2, 13)])
def test_foldings_that_leave_a_rest(tmp_path, pe, simd):
    """5 output channels of 27 inputs: neither need divide."""
    layer = random_conv(np.random.default_rng(2), "c", "x", 5, 3, 3, U8)
    assert_exact(tmp_path, single(layer), foldings={"c": Folding(pe, simd)}, sizes=[(1, 1), (3, 4)])


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (2, 4), (3, 9), (2, 9)])
def test_foldings_of_groups_that_leave_a_rest(tmp_path, pe, simd):
    layer = random_conv(np.random.default_rng(2), "c", "x", 9, 3, 3, U8, groups=3)
    assert_exact(tmp_path, single(layer), foldings={"c": Folding(pe, simd)}, sizes=[(1, 1), (3, 4)])


FORMATS = [
    (Format(False, 8, 8), Format(True, 8, 8), 8),
    (Format(True, 8, 8), Format(False, 8, 9), 8),
    (Format(True, 4, 4), Format(True, 3, 2), 3),
    (Format(False, 2, 1), Format(False, 5, 3), 2),
    (Format(True, 16, 15), Format(True, 16, 13), 8),
    (Format(False, 13, 8), Format(True, 9, 20), 5),  # shifts to the left
]


@pytest.mark.parametrize(("source", "out", "bits"), FORMATS, ids=lambda value: str(value))
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_formats_of_convolutions(tmp_path, source, out, bits, rounding):
    layer = random_conv(np.random.default_rng(3), "c", "x", 3, 2, 3, out, bits + 1, bits)
    layer = replace(layer, bias_i32=(layer.bias_i32 >> (12 - bits)).astype(np.int32))
    assert_exact(tmp_path, single(layer, 2, source, rounding), sizes=[(1, 1), (6, 8)])


def with_two(a, b, layer, channels=2, rounding=Rounding.HALF_EVEN):
    """A network of two inputs, each over the whole range of its format, that are joined."""
    inputs = Input("a", channels, a), Input("b", channels, b)
    return Network(inputs, (layer,), rounding, additions=rounding)


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize(
    ("a", "b", "out"),
    [
        (U8, S8, PIXEL),
        (Format(True, 8, 10), Format(False, 6, 3), Format(True, 8, 7)),
        (Format(True, 5, 2), Format(True, 8, 8), Format(True, 8, 2)),
        (Format(False, 8, 8), Format(False, 8, 8), Format(False, 10, 10)),  # shifts to the left
    ],
    ids=str,
)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_additions(tmp_path, a, b, out, negated, rounding):
    network = with_two(a, b, Add("y", ("a", "b"), out, negated), rounding=rounding)
    simulate.assert_exact(tmp_path, network, [(1, 1), (6, 8)])


def test_a_tensor_added_to_itself(tmp_path):
    assert_exact(tmp_path, single(Add("y", ("x", "x"), Format(False, 8, 7))), sizes=[(1, 1), (3, 4)])


@pytest.mark.parametrize("layer", [DepthToSpace("y", "x", 3), Repeat("y", "x", 2)], ids=str)
def test_enlargements(tmp_path, layer):
    assert_exact(tmp_path, single(layer, 18))


def test_enlargements_of_enlargements(tmp_path):
    layers = DepthToSpace("a", "x", 2), Repeat("b", "a", 2), DepthToSpace("c", "b", 3), Repeat("y", "c", 2)
    assert_exact(tmp_path, Network((Input("x", 36, PIXEL),), layers), sizes=[(1, 1), (2, 3)])


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.DOUBLE})
def test_ties_show_a_wrong_rule(tmp_path, rounding):
    """Each rule built in the place of another fails on the frames that have every channel's ties."""
    layer = random_conv(np.random.default_rng(5), "c", "x", 4, 3, 3, S8)
    network = single(layer, rounding=rounding)
    frames = tie_frames(network, "c")["x"]
    for built in Rounding:
        circuit = circuit_of(replace(network, rounding=built), Settings(widest=64, cycles=4))
        right = circuit_of(network, circuit.settings)
        simulation = Simulation(circuit, tmp_path / built.value, words=len(frames) * frames[0][..., 0].size)
        verdict = simulation.run(frames, vectors=vector_files(right, frames, "case"))
        assert verdict.passed is (built is rounding), verdict.text


def table(source, out, seed=6):
    return (
        np.random.default_rng(seed)
        .integers(out.min, out.max, 1 << source.bits, endpoint=True)
        .astype(np.int16)
    )


S6, S5 = Format(True, 6, 4), Format(True, 5, 3)
SLOPES = np.array([-127, 0, 1, 90], np.int8)
POINTWISE: dict[str, tuple[Any, Format]] = {
    "scale": (Scale("y", "x", -93, 7, S5), S6),
    "scale, unsigned, to the left": (Scale("y", "x", 3, -2, Format(False, 8, 4)), Format(False, 5, 3)),
    "leaky ReLU": (PRelu("y", "x", SLOPES, 6, S5), S6),
    "leaky ReLU of what is never negative": (PRelu("y", "x", SLOPES, 3, Format(False, 5, 1)), U8),
    "table": (Lookup("y", "x", table(S6, S5), S5), S6),
    "table, unsigned": (Lookup("y", "x", table(U8, Format(False, 3, 3)), Format(False, 3, 3)), U8),
    "clip": (Clip("y", "x", -7, 20), S6),
    "clip, unsigned": (Clip("y", "x", 9, 200), U8),
    "reordered": (Reorder("y", "x", np.array([3, 0, 0, 2, 1], np.int32)), S6),
}


@pytest.mark.parametrize("case", POINTWISE)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.in_turns
def test_pointwise_operators(tmp_path, case, rounding):
    """Also behind an enlargement, where pixels of a square stay together."""
    layer, source = POINTWISE[case]
    assert_exact(tmp_path / "alone", single(layer, 4, source, rounding), sizes=[(1, 1), (6, 8)])
    behind = DepthToSpace("up", "x", 2), replace(layer, source="up")
    network = Network((Input("x", 16, source),), behind, rounding)
    assert_exact(tmp_path / "behind", network, sizes=[(3, 4)])


@pytest.mark.parametrize("rounding", Rounding)
def test_products(tmp_path, rounding):
    a, b = Format(True, 8, 6), Format(False, 6, 4)
    network = with_two(a, b, Multiply("y", ("a", "b"), Format(True, 8, 5)), rounding=rounding)
    simulate.assert_exact(tmp_path, network, [(1, 1), (6, 8)])


def test_a_square(tmp_path):
    assert_exact(tmp_path, single(Multiply("y", ("x", "x"), Format(False, 8, 9)), 3, S6), sizes=[(3, 4)])
