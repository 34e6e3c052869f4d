"""Layers said by others: the same codes on every byte under every rule, and in the clients that need it."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from hwrts.export.clients import check_file, client_of, under
from hwrts.export.near_sums import is_far, near_sums
from hwrts.export.restated import RESTATED, restated
from hwrts.export.targets import TARGETS, check_pictures, target_file
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    Input,
    Layer,
    Lookup,
    Network,
    Padding,
    PRelu,
    Reorder,
    Rounding,
    RoundingRules,
    Scale,
    SpaceToDepth,
    Upsample,
    run,
)

S8, U8, S6, U6 = Format(True, 8, 7), Format(False, 8, 6), Format(True, 6, 4), Format(False, 6, 5)
TABLES = ["table", "table of 6 bits"]
OTHERS = tuple(kind for kind in RESTATED if kind is not Add)
"""Sums that are convolutions are tested beside their own (test_restated_add)."""
SLOPES = np.array([127, -127, 9, -64, 0], np.int8)


def conv(name, source, shape, out, frac, **fields):
    """Random weights, and biases that reach the ends of the format."""
    rng = np.random.default_rng(sum(map(ord, name)))
    weight = rng.integers(-127, 128, shape).astype(np.int8)
    bias = rng.integers(-9000, 9000, shape[0]).astype(np.int32)
    return Conv(name, source, weight, np.full(shape[0], frac, np.int32), bias, out, **fields)


def leaky(frac, out):
    return PRelu("y", "c", SLOPES, frac, out)


SIGNED = conv("c", "x", (5, 3, 1, 1), S8, 7)
UNSIGNED = conv("c", "x", (5, 3, 1, 1), U8, 7)
OTHER = conv("d", "x", (2, 3, 1, 1), Format(True, 8, 9), 5)
COARSE = replace(
    conv("c", "x", (3, 3, 1, 1), Format(True, 8, 1), 8), bias_i32=np.array([0, 9, -900], np.int32)
)
ONE_TAP = conv("y", "c", (5, 1, 1, 1), S6, 6, groups=5)
TWO_TAPS = conv("y", "c", (5, 1, 2, 1), S8, 8, groups=5, stride=2, pads=(0, 0, 0, 0))

CASES: dict[str, tuple[Layer, ...]] = {
    "leaky ReLU": (SIGNED, leaky(7, S8)),
    "onto a coarser grid": (SIGNED, leaky(6, Format(True, 8, 4))),
    "onto a finer grid": (SIGNED, leaky(9, Format(True, 8, 10))),
    "without a sign": (SIGNED, leaky(7, Format(False, 8, 7))),
    "of 6 bits": (SIGNED, leaky(5, S6)),
    "slopes of whole numbers": (SIGNED, leaky(0, Format(True, 8, 6))),
    "of codes without a sign": (UNSIGNED, leaky(6, S8)),
    "two grids": (UNSIGNED, OTHER, Concat("y", ("c", "d", "x", "c"), Format(False, 8, 5))),
    "two grids, with a sign": (UNSIGNED, OTHER, Concat("y", ("d", "c"), S6)),
    "bilinear by 2": (Upsample("y", "x", "bilinear", 2, S6),),
    "bilinear by 4": (Upsample("y", "x", "bilinear", 4, PIXEL),),
    "bilinear by 8": (Upsample("y", "x", "bilinear", 8, Format(False, 8, 7)),),
    "space to depth": (SpaceToDepth("y", "x", 2),),
    "negative factor": (SIGNED, Scale("y", "c", -93, 5, Format(True, 8, 7))),
    "factor of few bits": (SIGNED, Scale("y", "c", 3, -2, Format(False, 6, 1))),
    "upper limit": (SIGNED, Clip("y", "c", -128, -3)),
    "lower limit": (SIGNED, Clip("y", "c", -99, 127)),
    "lower limit of bytes": (Clip("y", "x", 16, 255),),
    "depthwise of one tap": (SIGNED, ONE_TAP),
    "depthwise of one tap, stride": (SIGNED, replace(ONE_TAP, stride=2, dilation=3)),
    "depthwise of two taps, stride": (SIGNED, TWO_TAPS),
    "sum of far grids": (COARSE, Add("y", ("c", "x"), Format(True, 8, 8))),
    "difference of far grids": (COARSE, Add("y", ("c", "x"), Format(True, 8, 9), negated=True)),
    "difference of far grids, the coarser taken away": (COARSE, Add("y", ("x", "c"), PIXEL, negated=True)),
    "depthwise of few taps, dilation": (SIGNED, replace(TWO_TAPS, dilation=2, padding=Padding.REPLICATE)),
}


def every_byte(seed=0):
    """Each byte in every channel, (16, 16, 3)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(256).astype(np.uint8).reshape(16, 16) for _ in range(3)], axis=-1)


def network_of(what):
    return Network((Input("x", 3, PIXEL),), CASES[what])


@pytest.mark.parametrize("what", CASES)
def test_the_same_codes_under_every_rule(what):
    network = network_of(what)
    other, said = near_sums(network) if "far grids" in what else restated(network, OTHERS)
    assert len(said) == 1
    assert said[0].startswith("y: ")
    assert not isinstance(other.layer("y"), Upsample | SpaceToDepth | PRelu)
    picture = every_byte()
    for rule in Rounding:
        rules = RoundingRules.of(rule)
        codes = run(under(network, rules), picture)
        assert np.array_equal(run(under(other, rules), picture), codes), rule
        assert len(np.unique(codes)) > 10


KEPT: dict[str, tuple[Layer, ...]] = {
    "bicubic": (Upsample("y", "x", "bicubic", 2, PIXEL),),
    "thirds beside others": (
        SIGNED,
        Upsample("y", "x", "bicubic_075", 3, PIXEL),
        Upsample("yy", "x", "bicubic_075", 3, S8),
    ),
    "thirds": (Upsample("y", "x", "bilinear", 3, PIXEL),),
    "one grid": (Concat("y", ("x", "x"), Format(False, 6, 8)),),
    "two limits": (Clip("y", "x", 16, 235),),
    "no limit": (Clip("y", "x", 0, 255),),
    "table": (SIGNED, Lookup("y", "c", np.arange(255, -1, -1, dtype=np.int16) % 129 - 64, S8)),
    "table of 6 bits": (
        conv("c", "x", (5, 3, 1, 1), U6, 7),
        Lookup("y", "c", np.arange(64, dtype=np.int16)[::-1], U6),
    ),
    "sum of near grids": (
        conv("c", "x", (3, 3, 1, 1), Format(True, 8, 3), 8),
        Add("y", ("c", "x"), Format(True, 8, 9)),
    ),
    "sum of far grids onto a coarse one": (COARSE, Add("y", ("c", "x"), Format(True, 8, 5))),
    "depthwise": (conv("y", "x", (3, 1, 3, 3), S8, 8, groups=3),),
    "two filters a channel": (conv("y", "x", (6, 1, 1, 1), S8, 8, groups=3),),
}


@pytest.mark.parametrize("what", KEPT)
def test_what_stays(what):
    network = Network((Input("x", 3, PIXEL),), KEPT[what])
    other, said = restated(*near_sums(network)[:1], OTHERS)
    assert (other.layers, said) == (network.layers, ())


def test_a_leaky_relu_by_hand():
    """3/4 of -6 is -4.5; half to even -4. 0 and 6 pass. One branch is 0 wherever the other is not."""
    slope = PRelu("y", "x", np.array([3], np.int8), 2, S8)
    network = Network((Input("x", 1, S8),), (slope,))
    other, said = restated(network, (PRelu,))
    assert said == ("y: PRelu as Clip, Add, Conv 1x1, Add",)
    assert [type(each) for each in other.layers] == [Clip, Add, Conv, Add]
    coarser = replace(
        slope, out=Format(True, 8, 5)
    )  # positive codes are rounded too, by a weight of 4 * 2**-2
    other = restated(Network((Input("x", 1, S8),), (coarser,)), (PRelu,))[0]
    assert other.layer("y.kept").weight_i8.item() == 4
    assert run(other, np.array([[[-6], [0], [6]]], np.int8)).ravel().tolist() == [-1, 0, 2]  # -9/8, 0, 3/2
    other = restated(network, (PRelu,))[0]
    assert run(other, np.array([[[-6], [0], [6]]], np.int8)).ravel().tolist() == [-4, 0, 6]


@pytest.mark.parametrize("rule", [Rounding.HALF_UP, Rounding.HALF_EVEN])
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("frac", [5, 8, 13])
def test_sums_of_far_grids_of_every_two_codes(frac, negated, rule):
    """Where the sum is coarser than its finer operand that is rounded alone, by rules that see no sign."""
    place = np.arange(1 << 16).reshape(256, 256, 1)
    for signs in range(8):
        coarse, fine, out = (Format(bool(signs >> i & 1), 8, each) for i, each in enumerate((0, 8, frac)))
        fed = {
            "a": (place // 256 + coarse.min).astype(coarse.dtype),
            "b": (place % 256 + fine.min).astype(fine.dtype),
        }
        order = ("a", "b") if signs % 3 else ("b", "a")
        layers = (Add("y", order, out, negated=negated),)
        network = Network((Input("a", 1, coarse), Input("b", 1, fine)), layers, rule)
        other, said = near_sums(network)
        convolutions = "Conv 1x1, Conv 1x1" if frac < 8 else "Conv 1x1"
        assert said == (f"y: Add as {convolutions}, Add",)
        last = other.layer("y")
        first, second = other.formats_of(last.sources)
        assert not is_far(first, second, out)
        assert np.array_equal(run(other, fed), run(network, fed)), (signs, order)


def test_interpolation_by_hand():
    """A quarter and three quarters each way; products that int8 does not hold are halves on two copies."""
    by_two = restated(
        Network((Input("x", 1, PIXEL),), (Upsample("y", "x", "bilinear", 2, PIXEL),)), (Upsample,)
    )[0]
    phases = by_two.layer("y.phases")
    assert phases.weight_i8[0, 0].tolist() == [[1, 3, 0], [3, 9, 0], [0, 0, 0]]
    assert (phases.weight_frac.tolist(), phases.padding) == ([4] * 4, Padding.REPLICATE)
    assert isinstance(by_two.layers[-1], DepthToSpace)
    by_eight = restated(network_of("bilinear by 8"), (Upsample,))[0]
    assert isinstance(by_eight.layers[0], Reorder)
    assert by_eight.layers[0].order_i32.tolist() == [0, 0, 1, 1, 2, 2]
    assert by_eight.layer("y.phases").weight_i8.astype(int).sum(axis=1).max() == 15 * 15


def test_a_depthwise_convolution_of_one_tap_by_hand():
    other = restated(network_of("depthwise of one tap"), (Conv,))[0].layer("y")
    assert isinstance(other, Conv)
    assert other.weight_i8[:, 0, 0].tolist() == [[tap, 0, 0] for tap in ONE_TAP.weight_i8.ravel()]
    assert (other.pads, other.idle) == ((0, 0, 0, 2), 10)


def test_a_relu_is_restated_where_it_is_asked_for():
    """A source and what it lacks to 0: -6 + 6, 0 + 0, 5 + 0."""
    network = Network((Input("x", 1, S8),), (Clip("y", "x", 0, 127),))
    assert restated(network, (Clip,))[1] == ()
    other, said = restated(network, (Clip,), relu=True)
    assert said == ("y: Clip as Conv 1x1, Add",)
    assert run(other, np.array([[[-6], [0], [5]]], np.int8)).ravel().tolist() == [0, 0, 5]


CLIENTS = {
    "acuity-npu": ["leaky ReLU", "lower limit", "upper limit", "bilinear by 2"],
    "qonnx": [*TABLES, "thirds beside others"],
    "qnn": [what for what in CASES if what != "space to depth"] + TABLES,
    "openvino": ["space to depth", *TABLES],
    "iree": [
        "bicubic",
        "thirds",
        "bilinear by 2",
        *TABLES,
    ],  # DepthToSpace of one channel in the one mode that it has
}


@pytest.mark.parametrize("client", CLIENTS)
def test_in_its_client(client):
    """All in one file: several outputs, every byte, and sides that are odd where a layer takes them."""
    if client_of(client).python is None:
        pytest.skip(f"{client} is not installed")
    layers = {
        renamed.name: renamed
        for number, what in enumerate(CLIENTS[client])
        for renamed in (_renamed(layer, number) for layer in (CASES | KEPT)[what])
    }
    ends = tuple(name for name in layers if name.startswith("y"))
    network = Network((Input("x", 3, PIXEL),), tuple(layers.values()), outputs=ends)
    size = (16, 16)
    file = target_file(network, TARGETS.get(client, TARGETS["verisilicon"]), size)
    fed = check_pictures(network, size, [{"x": every_byte(seed)} for seed in range(3)])
    found = check_file(file.for_clients, network, fed, client)
    assert found["codes_differing"] == 0


def test_tables_of_large_pictures_on_qnn():
    """Its emulator reads other entries, silently, where places are a picture of 64x64: they are a row."""
    network = Network(
        (Input("x", 3, PIXEL),), (Lookup("y", "x", np.arange(256, dtype=np.int16)[::-1], PIXEL),)
    )
    file = target_file(network, TARGETS["qnn"], (64, 96))
    pictures = check_pictures(network, (64, 96), [])
    assert check_file(file.for_clients, network, pictures)["codes_differing"] == 0
    nodes = {node.op_type: node for node in onnx.load_from_string(file.model).graph.node}
    assert nodes["Gather"].input[1] == "y.flat"
    if client_of("qnn").python is None:
        pytest.skip("qnn is not installed")
    assert check_file(file.for_clients, network, pictures, "qnn")["codes_differing"] == 0


def _renamed(layer, number):
    """A layer that can stand beside others of its name."""
    sources = tuple(name if name == "x" else f"{name}{number}" for name in layer.sources)
    read = {"source": sources[0]} if hasattr(layer, "source") else {"sources": sources}
    return replace(layer, name=f"{layer.name}{number}", **read)
