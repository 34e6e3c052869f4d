from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    Network,
    PRelu,
    Repeat,
    Scale,
    Upsample,
)

from .build import conv

X = Input("x", 3, PIXEL)
GOOD = conv("c", "x", np.ones((2, 3, 3, 3)))


def refused(*layers, message, inputs=(X,), **options):
    with pytest.raises(HwrtsError, match=message) as caught:
        Network(inputs, layers, **options)
    assert "\n" not in str(caught.value)


def test_the_base_of_these_tests_is_legal():
    assert Network((X,), (GOOD,)).output == "c"


def test_a_padding_by_its_name():
    refused(replace(GOOD, padding="replicate"), message="padding 'replicate' is not a member of Padding")


def test_nothing_in_it():
    refused(message="at least one input and one layer")
    refused(GOOD, inputs=(), message="at least one input and one layer")


def test_rounding():
    refused(GOOD, rounding="half_even", message="rounding 'half_even' is not a member of Rounding")


def test_names():
    refused(GOOD, inputs=(X, X), message="the name 'x' is used twice")
    refused(GOOD, GOOD, message="the name 'c' is used twice")
    refused(replace(GOOD, name="x"), message="the name 'x' is used twice")
    refused(replace(GOOD, source="y"), message="its source 'y' is not made before it")
    refused(replace(GOOD, source="c"), message="its source 'c' is not made before it")
    refused(Add("s", ("x", "c"), PIXEL), GOOD, message="its source 'c' is not made before it")
    for name in ("", "a\nb", "a\0", 7, None):
        refused(replace(GOOD, name=name), message="is not a name; use one or more printable characters")


@pytest.mark.parametrize("channels", [0, -1, 3.0, "3", True, None, np.int64(3), 1 << 17])
def test_input_channels(channels):
    refused(GOOD, inputs=(Input("x", channels, PIXEL),), message=r"use a whole number, 1\.\.65536")


def test_an_unknown_layer():
    layer = type("Relu", (), {"name": "r", "sources": ("x",)})()
    refused(layer, message="Relu is no layer; use Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample")


@pytest.mark.parametrize(
    ("field", "dtype"),
    [("weight_i8", np.int16), ("weight_i8", np.uint8), ("bias_i32", np.int64), ("weight_frac", np.int64)],
)
def test_dtypes(field, dtype):
    layer = replace(GOOD, **{field: getattr(GOOD, field).astype(dtype)})
    refused(layer, message=f"{np.dtype(dtype)}.*use int8, int32, int32")


@pytest.mark.parametrize(
    "shape", [(), (2,), (2, 3, 3), (2, 3, 3, 0), (2, 3, 256, 1), (2, 3, 0, 0), (0, 3, 3, 3), (2, 0, 3, 3)]
)
def test_weight_shapes(shape):
    refused(replace(GOOD, weight_i8=np.ones(shape, np.int8)), message="is not .O, I/groups, KH, KW. with")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"groups": 3}, "2 output channels do not divide into 3 groups|groups 3 is not allowed"),
        ({"groups": 0}, "groups 0 is not allowed; use a whole number, 1..2"),
        ({"stride": 17}, "stride 17 is not allowed; use a whole number, 1..16"),
        ({"stride": 1.0}, "stride 1.0 is not allowed"),
        ({"dilation": 0}, "dilation 0 is not allowed"),
        ({"dilation": 600}, "its kernel reaches over 1201x1201 pixels; use at most 1025 on a side"),
        ({"pads": (1, 1, 1)}, "pads .1, 1, 1. are not .top, left, bottom, right."),
        ({"pads": (0, 3, 0, 0)}, "a pad of the left side 3 is not allowed; use a whole number, 0..2"),
        ({"pads": (2, 2, 2, 2)}, "2 rows and 2 columns larger than the one that comes in; use less padding"),
        ({"weight_i8": np.ones((2, 3, 2, 3), np.int8)}, "over 2x3 pixels has no middle; give pads"),
        ({"weight_i8": np.ones((2, 2, 3, 3), np.int8), "groups": 2}, "'x' has 3; give weights for 3 of them"),
    ],
)
def test_shapes_of_a_convolution(fields, message):
    refused(replace(GOOD, **fields), message=message)


def test_strides_beyond_those_of_the_field():
    one, zero = np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32)
    names = ["x", "a", "b"]
    layers = [Conv(b, a, one, zero, zero, PIXEL, stride=16) for a, b in pairwise(names)]
    first = Input("x", 1, PIXEL)
    refused(*layers, inputs=(first,), message="multiples of 256, at most 64 is supported; use smaller")


def test_channels_of_the_source():
    refused(conv("c", "x", np.ones((2, 4, 3, 3))), message="takes 4 channels, 'x' has 3")


@pytest.mark.parametrize("field", ["bias_i32", "weight_frac"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_one_bias_and_one_grid_per_channel(field, shape):
    layer = replace(GOOD, **{field: np.zeros(shape, np.int32)})
    refused(layer, message="need one entry for each of 2 output channels")


@pytest.mark.parametrize("bits", [1, 9, 0, 8.0, True, "8", np.int64(8)])
def test_weight_bits(bits):
    refused(replace(GOOD, weight_bits=bits), message="use a whole number, 2..8")


@pytest.mark.parametrize(("bits", "largest"), [(8, 127), (7, 63), (6, 31), (5, 15), (4, 7), (3, 3), (2, 1)])
def test_weights_are_symmetric(bits, largest):
    for code in (largest, -largest):
        Network((X,), (conv("c", "x", np.full((2, 3, 1, 1), code), weight_bits=bits),))
    for code in {min(largest + 1, 127), -largest - 1} - {largest}:
        layer = conv("c", "x", np.full((2, 3, 1, 1), code), weight_bits=bits)
        refused(layer, message=f"outside -{largest}..{largest}, the range of {bits} bits")


NARROW = Input("x", 3, Format(True, 2, 8))
"""Codes -2..1: a shift by 24 bits to the left still fits 32."""


@pytest.mark.parametrize(("frac", "legal"), [(-24, True), (31, True), (-25, False), (32, False)])
def test_shifts_of_a_convolution(frac, legal):
    layer = replace(GOOD, weight_frac=np.array([0, frac], np.int32))
    if legal:
        Network((NARROW,), (layer,))
    else:
        refused(layer, message="a requantising shift of .* bits is outside -24..31")


def test_accumulators_end_below_2_to_31():
    reach = 27 * 255
    legal = replace(GOOD, bias_i32=np.array([0, 2**31 - 1 - reach], np.int32))
    Network((X,), (legal,))
    Network((X,), (replace(legal, bias_i32=-legal.bias_i32),))
    for bias in (2**31 - reach, -(2**31) + reach, -(2**31)):
        layer = replace(GOOD, bias_i32=np.array([0, bias], np.int64).astype(np.int32))
        refused(layer, message="an accumulator can reach .*, int32 ends at 2147483647")


def test_shifted_accumulators_end_below_2_to_31():
    """The limit of eq. 10b, 2^31 - 2^8, for every channel with its own shift, and for both signs."""
    bias = ((2**31 - 2**8) >> 8) - 1 - 27 * 255  # shifted by 8, one step below the limit
    shifts = np.array([9, -8], np.int32)
    for sign in (1, -1):
        legal = replace(
            GOOD,
            weight_i8=GOOD.weight_i8 * np.int8(sign),
            weight_frac=shifts,
            bias_i32=np.array([2**30, sign * bias], np.int32),
        )
        Network((X,), (legal,))
        over = replace(legal, bias_i32=np.array([2**30, sign * (bias + 1)], np.int32))
        refused(over, message="times 2.8 can reach 2147483392 before it is clipped")


def test_additions():
    refused(GOOD, Add("s", ("x", "c"), PIXEL), message="'x' has 3 channels at 1 times .*'c' 2 channels at 1 ")
    refused(
        Repeat("u", "x", 2),
        Add("s", ("x", "u"), PIXEL),
        message="'x' has 3 channels at 1 times .*'u' 3 channels at 2 ",
    )
    wrong: tuple[Any, ...] = ((), ("x",), ("x", "x", "x"))
    for sources in wrong:
        refused(Add("s", sources, PIXEL), message=f"adds {len(sources)} tensors; use exactly 2")


def test_grids_of_an_addition():
    def inputs(frac, bits=8):
        return (Input("a", 1, Format(False, bits, frac)), Input("b", 1, Format(False, 8, 0)))

    layer = Add("s", ("a", "b"), Format(True, 8, 0))
    Network(inputs(22), (layer,))  # 255 * 2**22 + 255 < 2**31
    refused(layer, inputs=inputs(24), message="an accumulator can reach")
    refused(layer, inputs=inputs(-32), message="an accumulator can reach")
    far = Add("s", ("a", "a"), Format(True, 8, -32))
    refused(far, inputs=inputs(0), message="a requantising shift of 32..32 bits")
    refused(Add("s", ("a", "a"), Format(True, 8, 32)), inputs=inputs(0), message="shift of -32..-32 bits")


@pytest.mark.parametrize("block", [1, 0, -2, 17, 2.0, True, "2", np.int64(2)])
def test_blocks_and_factors(block):
    refused(DepthToSpace("d", "x", block), message="block .* use a whole number, 2..16")
    refused(Repeat("u", "x", block), message="factor .* use a whole number, 2..16")


def test_depth_to_space_needs_enough_channels():
    refused(
        DepthToSpace("d", "x", 2), message="3 channels do not split by block 2 squared; use a multiple of 4"
    )
    Network((Input("x", 12, PIXEL),), (DepthToSpace("d", "x", 2),))


def test_a_layer_wrong_in_itself_is_named_first():
    """A layer that is wrong in itself is named before any derived fact about it can fail."""
    layer = Conv("c", "x", np.int8(1), np.zeros(1, np.int32), np.zeros(1, np.int32), PIXEL)  # type: ignore[arg-type]
    refused(layer, Add("s", ("c", "x"), PIXEL), message="weight shape")


NUMBERS = [1.0, "1", True, None, np.int64(1)]


@pytest.mark.parametrize("multiplier", [128, -128, 1000, *NUMBERS])
def test_multipliers_are_symmetric(multiplier):
    refused(Scale("s", "x", multiplier, 0, PIXEL), message="multiplier .* use a whole number, -127..127")
    for legal in (-127, 0, 127):
        Network((X,), (Scale("s", "x", legal, 0, PIXEL),))


@pytest.mark.parametrize("frac", [33, -33, *NUMBERS])
def test_fraction_bits_of_a_constant(frac):
    refused(Scale("s", "x", 1, frac, PIXEL), message="frac .* use a whole number, -32..32")


@pytest.mark.parametrize(("frac", "legal"), [(-24, True), (31, True), (-25, False), (32, False)])
def test_shifts_of_a_scale(frac, legal):
    if legal:
        Network((NARROW,), (Scale("s", "x", 1, frac, PIXEL),))
    else:
        refused(Scale("s", "x", 1, frac, PIXEL), message="a requantising shift of .* bits is outside -24..31")


def slopes(codes, frac=7, out=PIXEL):
    return PRelu("p", "x", np.array(codes), frac, out)


def test_slopes():
    good = np.array([-127, 0, 127], np.int8)
    Network((X,), (slopes(good),))
    refused(slopes(good.astype(np.int16)), message="slopes are int16 .*; use int8, one for each channel")
    for shape in ((), (1, 3), (3, 1, 1), (0,)):
        refused(slopes(np.ones(shape, np.int8)), message="use int8, one for each channel")
    refused(slopes(np.array([0, -128, 0], np.int8)), message="a slope code is outside -127..127")
    for count in (1, 2, 4):
        refused(slopes(np.ones(count, np.int8)), message=f"has {count} slopes, 'x' has 3 channels")
    for frac in (-1, 25, *NUMBERS):
        refused(slopes(good, frac), message="slope_frac .* use a whole number, 0..24")


def test_slopes_are_owned():
    codes = np.array([1, 2, 3], np.int8)
    layer = slopes(codes)
    codes[0] = 99
    assert layer.slope_i8.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        layer.slope_i8[0] = 5


def test_reach_of_a_prelu():
    good, out = np.ones(3, np.int8), Format(True, 8, 6)
    Network((X,), (slopes(good, 23, out),))  # 255 << 23 < 2**31
    refused(slopes(good, 24, out), message=f"an accumulator can reach {255 << 24}, int32 ends at")
    wide = (Input("x", 3, Format(False, 16, 8)),)
    Network(wide, (slopes(good, 15),))
    refused(slopes(good, 16), inputs=wide, message=f"an accumulator can reach {65535 << 16}, int32 ends at")


@pytest.mark.parametrize("factor", [1, 0, 17, 2.0, True, "2", None, np.int64(2)])
def test_factors_of_an_upsample(factor):
    refused(Upsample("u", "x", "bicubic", factor, PIXEL), message="factor .* use a whole number, 2..16")


@pytest.mark.parametrize(("kind", "factor"), [("bicubic", 9), ("bilinear", 16), ("lanczos", 2), ("", 2)])
def test_kinds_of_an_upsample(kind, factor):
    refused(Upsample("u", "x", kind, factor, PIXEL), message=f"'{kind}' by {factor} does not exist; use")


@pytest.mark.parametrize("kind", [None, 2, ["bicubic"], b"bicubic"])
def test_the_kind_of_an_upsample_is_a_string(kind):
    refused(Upsample("u", "x", kind, 2, PIXEL), message="kind .* is not a string")


def test_sixteen_bits_of_bicubic_stay_below_2_to_31():
    wide = Format(False, 16, 16)
    Network((Input("x", 3, wide),), (Upsample("u", "x", "bicubic", 2, wide),))


def test_an_enlarged_tensor_is_added_to_its_like():
    up = Upsample("u", "x", "bilinear", 2, PIXEL)
    Network((X,), (up, Repeat("r", "x", 2), Add("s", ("u", "r"), PIXEL)))
    refused(up, Add("s", ("u", "x"), PIXEL), message="'u' has 3 channels at 2 times .*'x' 3 channels at 1 ")


def test_networks_beyond_everything_of_the_field_are_refused():
    """A file of three megabytes cost gigabytes or minutes."""
    wide = replace(GOOD, weight_i8=np.ones((2, 3, 257, 257), np.int8))
    refused(wide, message="KH, KW at most 255")
    repeats = [Repeat(f"r{i}", f"r{i - 1}" if i else "c", 4) for i in range(4)]
    refused(GOOD, *repeats, message="layer 'r3': enlarges the input by more than 64")
    copies = [replace(GOOD, name="c", source="x"), *(Repeat(f"r{i}", "c", 2) for i in range(4096))]
    refused(*copies, message="4098 inputs and layers are not supported; use at most 4096")
