"""The file itself, read back without any runtime: tables, layouts, codes of value 0, and what is refused."""

import doctest
import importlib
from dataclasses import fields

import numpy as np
import pytest
from flatbuffers.number_types import BoolFlags, Int8Flags

from hwrts.export.depth_first import depth_first
from hwrts.export.restated import RESTATED
from hwrts.export.tflite import TFLITE_TARGETS, Flavour, stored, to_tflite, write_tflite
from hwrts.export.tflite.moves import is_same
from hwrts.export.tflite.operators import EMITTERS, SAID_BY_OTHERS
from hwrts.export.tflite.operators.maximum import _AXES
from hwrts.export.turned import turned
from hwrts.fixed_point import (
    OPERATORS,
    PIXEL,
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Network,
    Over,
    Padding,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Rounding,
    RoundingRules,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
)
from hwrts.fixed_point.convolution import Shape

from .networks import LAYERS, S7, S8, U6, conv, network
from .reader import ReadFile

RULES = (Rounding.HALF_EVEN, Rounding.HALF_UP)
ADD, CONV_2D, DEPTHWISE, DEPTH_TO_SPACE, PAD, TRANSPOSE_CONV, MIRROR_PAD = 0, 3, 4, 5, 34, 67, 100
MAXIMUM, MINIMUM, GATHER, MUL, SUB, QUANTIZE = 55, 57, 36, 18, 41, 114


def one(*layers, channels=3, out=PIXEL, rules=RULES, **more):
    return Network((Input("x", channels, out),), layers, rules[0], additions=rules[1], **more)


def read(made, size=(6, 7), flavour=Flavour.TFLITE):
    return ReadFile(write_tflite(made, size, flavour))


def test_every_operator_has_an_emitter():
    assert [*EMITTERS, *SAID_BY_OTHERS] == sorted(OPERATORS.values(), key=[*EMITTERS, *SAID_BY_OTHERS].index)
    assert not set(SAID_BY_OTHERS) - set(RESTATED)


FIELDS = {
    Conv: "weight_i8 weight_frac bias_i32 out weight_bits padding groups stride dilation pads idle",
    Add: "out negated",
    Scale: "multiplier frac out",
    PRelu: "slope_i8 slope_frac out",
    DepthToSpace: "block",
    Repeat: "factor",
    Upsample: "kind factor out",
    Resize: "out places factor",
    Concat: "out",
    Multiply: "out",
    Lookup: "table_i16 out",
    Clip: "low high",
    Slice: "start stop",
    Reorder: "order_i32",
    MaxPool: "kernel stride pads",
    SpaceToDepth: "block",
    Maximum: "over",
}
"""What the emitters know of each operator."""


def test_no_operator_has_numbers_that_its_emitter_does_not_know():
    """One that comes later would be left out of the file in silence."""
    for kind in OPERATORS.values():
        if kind is not GlobalAverage:  # refused, whatever it has
            names = {field.name for field in fields(kind)} - {"name", "source", "sources"}
            assert names == set(FIELDS[kind].split()), kind
    assert set(_AXES) == set(Over)


@pytest.mark.parametrize(
    ("out", "codes", "as_stored"),
    [
        (PIXEL, [0, 1, 128, 255], [-128, -127, 0, 127]),
        (S8, [-128, -1, 0, 127], [-128, -1, 0, 127]),
        (U6, [0, 63], [-128, -65]),
        (S7, [-64, 63], [-64, 63]),
    ],
)
def test_codes_as_they_are_stored(out, codes, as_stored):
    there = stored(np.array(codes, out.dtype), out)
    assert there.dtype == np.int8
    assert there.tolist() == as_stored
    (end,) = to_tflite(one(Slice("y", "x", 0, 1), out=out), (4, 4)).for_clients.inputs
    assert end.stored(np.array(codes, out.dtype)[None, :, None]).ravel().tolist() == as_stored
    assert end.codes(there[None, None, :, None]).ravel().tolist() == codes


def test_a_convolution_by_hand():
    """Weights (O, KH, KW, I), a grid for each output, biases on the accumulator's grid."""
    weight = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3).astype(np.int8)  # (O, I, KH, KW)
    frac, bias = np.array([7, 9], np.int32), np.array([5, -6], np.int32)
    file = read(one(Conv("y", "x", weight, frac, bias, Format(True, 8, 5))))
    assert file.codes == [CONV_2D]
    x, y, kernel, biases = (file.named(name) for name in ("x", "y", "y.weight", "y.bias"))
    assert (x.shape, y.shape) == ((1, 6, 7, 3), (1, 6, 7, 2))
    assert (x.scales.tolist(), x.zeros.tolist()) == ([2**-8], [-128])
    assert (y.scales.tolist(), y.zeros.tolist()) == ([2**-5], [0])
    assert kernel.dtype == np.int8
    assert kernel.shape == (2, 3, 3, 3)
    assert kernel.data[1, 0, 2, :].tolist() == weight[1, :, 0, 2].tolist()
    assert (kernel.scales.tolist(), kernel.zeros.tolist(), kernel.axis) == ([2**-7, 2**-9], [0, 0], 0)
    assert (biases.data.tolist(), biases.scales.tolist()) == ([5, -6], [2**-15, 2**-17])
    (step,) = file.operators
    assert (step.version, step.options, step.table.number(0, Int8Flags)) == (3, 1, 0)  # SAME
    assert [step.table.number(slot) for slot in (1, 2)] == [1, 1]
    assert [file.tensors[number].name for number in step.inputs] == ["x", "y.weight", "y.bias"]


def test_a_depthwise_convolution_by_hand():
    weight = np.arange(6 * 9).reshape(6, 1, 3, 3).astype(np.int8)
    made = one(
        Conv("y", "x", weight, np.arange(6, dtype=np.int32), np.zeros(6, np.int32), S8, groups=3, dilation=2)
    )
    file = read(made)
    assert file.codes == [DEPTHWISE]
    kernel = file.named("y.weight")
    assert kernel.shape == (1, 3, 3, 6)
    assert kernel.axis == 3
    assert kernel.data[0, 1, 2].tolist() == weight[:, 0, 1, 2].tolist()
    (step,) = file.operators
    assert [step.table.number(slot, default=1) for slot in (3, 5, 6)] == [2, 2, 2]  # multiplier, dilations


@pytest.mark.parametrize(
    ("shape", "size", "same"),
    [
        (Shape(3, 3), (5, 4), True),
        (Shape(2, 2, pads=(0, 0, 1, 1)), (5, 5), True),  # the larger half behind
        (Shape(2, 2, pads=(1, 1, 0, 0)), (5, 5), False),
        (Shape(3, 3, stride=2), (5, 5), True),
        (Shape(3, 3, stride=2), (6, 6), False),  # one row before and none behind is the format's
        (Shape(3, 3, stride=2, pads=(0, 0, 1, 1)), (6, 6), True),
        (Shape(3, 3, pads=(0, 0, 0, 0)), (5, 5), False),
        (Shape(1, 1), (5, 5), True),
    ],
)
def test_where_padding_is_the_formats(shape, size, same):
    assert is_same(shape, *size) == same


@pytest.mark.parametrize(
    ("padding", "pads", "before"),
    [
        (Padding.ZERO, None, []),
        (Padding.ZERO, (1, 0, 0, 2), [PAD]),
        (Padding.ZERO, (0, 0, 0, 0), []),
        (Padding.REPLICATE, None, [MIRROR_PAD]),
        (Padding.REFLECT, None, [MIRROR_PAD]),
        (Padding.REPLICATE, (2, 0, 0, 1), [MIRROR_PAD, MIRROR_PAD]),
    ],
)
def test_what_is_put_around(padding, pads, before):
    file = read(one(conv("y", "x", (2, 3, 3, 3), S8, padding=padding, pads=pads)))
    assert file.codes == [*before, CONV_2D]
    modes = [step.table.number(0, Int8Flags) for step in file.operators if step.code == MIRROR_PAD]
    assert set(modes) <= {1 if padding is Padding.REPLICATE else 0}  # with the edge itself, or without


def test_edges_are_put_around_once():
    layers = [conv(name, "x", (2, 3, 3, 3), S8, padding=Padding.REPLICATE) for name in "ab"]
    assert read(one(*layers, outputs=("a", "b"))).codes == [MIRROR_PAD, CONV_2D, CONV_2D]


def test_fewer_bits_end_where_their_format_ends():
    file = read(one(conv("a", "x", (2, 3, 1, 1), U6), conv("y", "a", (2, 2, 1, 1), S7)))
    assert file.codes == [CONV_2D, MINIMUM, CONV_2D, MAXIMUM, MINIMUM]
    limits = [file.named(name) for name in ("a.minimum", "y.maximum", "y.minimum")]
    assert [each.data.item() for each in limits] == [63 - 128, -64, 63]
    assert [each.zeros.item() for each in limits] == [-128, 0, 0]


def test_the_order_of_depth_to_space():
    """What the format's operator makes of channels in its order is what ours makes of ours."""
    codes = np.random.default_rng(0).integers(0, 255, (2, 3, 12))
    moved = codes[..., depth_first(3, 2)].reshape(2, 3, 2, 2, 3).transpose(0, 2, 1, 3, 4).reshape(4, 6, 3)
    split = codes.reshape(2, 3, 3, 2, 2).transpose(0, 3, 1, 4, 2).reshape(4, 6, 3)
    assert np.array_equal(moved, split)


def test_filters_stand_in_the_order_of_depth_to_space():
    made = network("x2", RULES)
    assert sorted(turned(made)) == ["correction", "ext_r", "ext_x"]
    file = read(made)
    assert [code for code in file.codes if code in (GATHER, DEPTH_TO_SPACE)] == [DEPTH_TO_SPACE]
    order = depth_first(3, 2)
    layer = made.layer("ext_x")
    assert np.array_equal(file.named("ext_x.weight").data, layer.weight_i8.transpose(0, 2, 3, 1)[order])
    assert np.array_equal(file.named("ext_x.bias").data, layer.bias_i32[order])
    assert file.making("y").version == 2
    assert file.making("repeated").table.number(1, BoolFlags)  # pixels' centres at halves: TOSA needs it
    assert file.making("shuffled").version == 1  # 2 is not known to LiteRT


@pytest.mark.parametrize("reader", ["output", "another", "scaled", "depthwise"])
def test_channels_that_somebody_else_sees_keep_their_order(reader):
    deep = conv("deep", "x", (12, 3, 1, 1), S8)
    pixels = DepthToSpace("y", "deep", 2)
    if reader == "output":
        made = one(deep, pixels, outputs=("deep", "y"))
    elif reader == "another":
        made = one(deep, conv("z", "deep", (2, 12, 1, 1), S8), pixels, outputs=("z", "y"))
    elif reader == "scaled":
        made = one(deep, Scale("half", "deep", 1, 1, S8), DepthToSpace("y", "half", 2))
    else:
        made = one(conv("deep", "x", (12, 1, 1, 1), S8, groups=3), pixels)
    assert turned(made) == {}
    assert read(made).codes.count(GATHER) == 1


def test_ethos_u_has_neither_depth_to_space_nor_gather():
    for kind in ("x2", "x3", "concat", "depthwise"):
        codes = read(network(kind, RULES), (12, 12), Flavour.ETHOS_U).codes
        assert not {DEPTH_TO_SPACE, GATHER} & set(codes), kind
    file = read(network("x2", RULES), flavour=Flavour.ETHOS_U)
    taps = file.tensors[file.making("shuffled").inputs[1]]
    assert taps.shape == (3, 2, 2, 12)
    assert np.array_equal(taps.data.reshape(12, 12)[:, np.argsort(depth_first(3, 2))], np.eye(12))


@pytest.mark.parametrize(
    ("rules", "native"),
    [("half_even", True), ("double", True), ("half_even,half_up", True), ("half_up", False)],
)
def test_products_are_the_formats_where_a_runtime_rounds_so(rules, native):
    file = read(network("rearranged", tuple(RoundingRules.parse(rules))), (8, 8))
    assert file.making("gated").code == (MUL if native else QUANTIZE)


@pytest.mark.parametrize("flavour", Flavour)
def test_a_leaky_relu_is_what_every_runtime_computes_as_convolutions(flavour):
    file = to_tflite(network("prelu", RULES), (6, 6), flavour)
    back = ReadFile(file.model)
    assert back.codes == [CONV_2D, MAXIMUM, SUB, DEPTHWISE, ADD, CONV_2D]
    assert file.rewritten[0] == "leaky: PRelu as Clip, Add, Conv 1x1, Add"
    assert back.named("leaky.leak.weight").data.ravel().tolist() == [16, -40, 0, 127]


def test_operands_on_far_grids_are_added_in_float32():
    far = [conv("a", "x", (3, 3, 1, 1), Format(True, 8, 12)), Add("y", ("x", "a"), Format(True, 8, 11))]
    assert read(one(*far)).codes.count(ADD) == 1
    farther = [conv("a", "x", (3, 3, 1, 1), Format(True, 8, 20)), Add("y", ("x", "a"), Format(True, 8, 19))]
    file = read(one(*farther))
    assert file.making("y").code == QUANTIZE
    farthest = [conv("a", "x", (3, 3, 1, 1), Format(True, 8, 25)), Add("y", ("x", "a"), Format(True, 8, 19))]
    with pytest.raises(HwrtsError, match="tflite: layer 'y', Add: grids of operands more than 15 bits apart"):
        read(one(*farthest))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("flavour", Flavour)
def test_equal_networks_give_equal_bytes(kind, flavour):
    made = network(kind, RULES)
    size = made.legal_size(9, 11)
    file = to_tflite(made, size, flavour)
    assert file.model == write_tflite(network(kind, RULES), size, flavour)
    back = ReadFile(file.model)
    assert [back.tensors[number].name for number in back.inputs] == ["x"]
    assert [back.tensors[number].name for number in back.outputs] == list(made.outputs)
    assert len({each.name for each in back.tensors}) == len(back.tensors)
    assert sum(file.operators.values()) == len(back.operators)
    for name in made.outputs:
        assert back.named(name).shape == (1, *made.size_of(name, *size), made.channels[name])
    known = set(back.inputs) | {n for n, each in enumerate(back.tensors) if each.data is not None}
    for step in back.operators:
        assert set(step.inputs) <= known
        known |= set(step.outputs)
    entry = file.described(TFLITE_TARGETS[flavour.value])
    assert entry["size"] == list(size)
    assert (entry["boundary"], entry["stored_zero"]["x"]) == ("int8", -128)
    assert (entry["rounding"], entry["rounding_of_additions"]) == ("half_even", "half_up")


MEAN = GlobalAverage("y", "x", S8)
WIDE = conv("y", "x", (2, 3, 1, 1), Format(True, 12, 8))
TWO = np.array([127, 127, 0], np.int8).reshape(1, 3, 1, 1)  # 2 * 127 * 255 * 2**15 is above 2**30
FINE = Conv("y", "x", TWO, np.zeros(1, np.int32), np.zeros(1, np.int32), Format(True, 8, 23))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (one(MEAN), "tflite: layer 'y', GlobalAverage: runtimes compute means by a rounded reciprocal"),
        (one(WIDE), "tflite: tensor 'y' of 12 bits: an int8 file holds at most 8; take model.int8.onnx"),
        (one(FINE), "tflite: layer 'y', Conv: its output format is so fine that accumulators leave int32"),
        (
            one(Upsample("y", "x", "bicubic_075", 3, Format(False, 8, -1))),
            "tflite: layer 'y', Upsample: its format u8 lsb 2^1 is too coarse for u8 lsb 2^-8",
        ),
    ],
)
def test_what_the_format_cannot_say(made, said):
    with pytest.raises(HwrtsError) as caught:
        to_tflite(made, (6, 8))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", ["depth_first", "tflite.moves", "tflite.writer"])
def test_examples_of_docstrings(module):
    failed, tried = doctest.testmod(importlib.import_module(f"hwrts.export.{module}"))
    assert tried > 0
    assert failed == 0


def test_a_size_that_the_network_does_not_take():
    made = network("rearranged", RULES)
    with pytest.raises(HwrtsError, match="multiple"):
        to_tflite(made, (7, 8))


def test_a_table_by_hand():
    table = np.arange(256, dtype=np.int16) - 128
    file = read(one(Lookup("y", "x", table[::-1].copy(), S8)))
    assert file.codes[-1] == GATHER
    assert file.named("y.table").data.tolist() == list(range(127, -129, -1))
