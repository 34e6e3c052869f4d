"""The operators of section 8 in the ONNX file: every code, rule and runtime, and what stays integer."""

from itertools import product

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import (
    PIXEL,
    UPSAMPLE_KINDS,
    Add,
    Clip,
    Concat,
    Conv,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Multiply,
    Network,
    Places,
    PRelu,
    Repeat,
    Resize,
    Rounding,
    Scale,
    Upsample,
    run_all,
)

S8 = Format(True, 8, 8)
KINDS = [(kind, factor) for kind in UPSAMPLE_KINDS for factor in range(2, 9)]
FORMATS = [
    (PIXEL, PIXEL),
    (S8, S8),
    (PIXEL, S8),
    (S8, PIXEL),
    (Format(True, 8, 3), Format(False, 8, 6)),
    (PIXEL, Format(True, 5, 3)),
    (Format(False, 4, 0), Format(True, 8, 2)),
]


def reading_x(layers, channels, source, rounding=Rounding.HALF_EVEN):
    """A network of layers that all read its input: as many tests for the price of one session."""
    return Network((Input("x", channels, source),), tuple(layers), rounding)


def assert_exact(network, *pictures, small=True):
    """Fused, unfused and, for small pictures, the reference implementation return the definition's codes."""
    expected = [run_all(network, codes, "int64") for codes in pictures]
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        for codes, tensors in zip(pictures, expected, strict=True):
            if small or not witness.small_only:
                found = witness.entire(codes)
                for layer in network.layers:
                    np.testing.assert_array_equal(
                        found[layer.name], tensors[layer.name], err_msg=f"{witness.name}: {layer}"
                    )


def every_code(source, channels):
    codes = np.arange(source.min, source.max + 1).reshape(-1, 1, 1)
    return np.tile(codes, (1, 1, channels)).astype(source.dtype)


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("source", "out"), FORMATS)
def test_a_constant_times_every_code(source, out, rounding):
    constants = product((-127, -64, -3, 0, 1, 2, 77, 127), (-1, 2, 7, 9))
    layers = [Scale(f"{m} / 2**{frac}", "x", m, frac, out) for m, frac in constants]
    assert_exact(reading_x(layers, 1, source, rounding), every_code(source, 1))


def test_every_constant_times_every_code():
    layers = [Scale(f"times {m}", "x", m, 7, S8) for m in range(-127, 128)]
    assert_exact(reading_x(layers, 1, S8), every_code(S8, 1))


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("source", "out"), FORMATS)
def test_every_slope_of_every_code(source, out, rounding):
    slopes = np.arange(-127, 128).astype(np.int8)
    layers = [PRelu(f"slopes / 2**{frac}", "x", slopes, frac, out) for frac in (0, 5, 7, 12)]
    assert_exact(reading_x(layers, 255, source, rounding), every_code(source, 255))


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("source", "out"), FORMATS)
def test_every_entry_of_every_code(source, out, rounding):
    """And equal tables on one source stay two: whatever runtimes share, each has its Gather."""
    rng = np.random.default_rng(64)
    tables = [rng.integers(out.min, out.max, 1 << source.bits, endpoint=True) for _ in range(3)]
    layers = [
        Lookup(f"table {n}", "x", table.astype(np.int16), out) for n, table in enumerate([*tables, tables[0]])
    ]
    network = reading_x(layers, 2, source, rounding)
    assert_exact(network, every_code(source, 2))
    stored = {t.name: numpy_helper.to_array(t) for t in to_onnx(network).graph.initializer}
    assert {array.dtype for name, array in stored.items() if name.endswith(".table")} == {np.dtype(np.uint8)}


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("source", sorted({source for source, _ in FORMATS}, key=str), ids=str)
def test_every_limit_of_every_code(source, rounding):
    ends = sorted({source.min, source.min + 1, 0, 1, source.max // 2, source.max - 1, source.max})
    pairs = [(low, high) for low, high in product(ends, ends) if low <= high]
    layers = [Clip(f"{low} to {high}", "x", low, high) for low, high in pairs]
    assert_exact(reading_x(layers, 2, source, rounding), every_code(source, 2))


@pytest.mark.in_turns
@pytest.mark.parametrize("source", [PIXEL, S8], ids=str)
@pytest.mark.parametrize(("rounding", "additions"), list(product(Rounding, Rounding)))
def test_two_rules_in_one_file(source, rounding, additions):
    """Every operator that rounds, each by its own rule: all codes in all runtimes."""
    coarse, ones = Format(True, 8, 6), np.array([[[[3]]], [[[-2]]]], np.int8)
    layers = (
        Conv(
            "conv",
            "x",
            np.tile(ones, (1, 2, 1, 1)),
            np.array([2, 4], np.int32),
            np.array([1, -3], np.int32),
            coarse,
        ),
        Scale("scale", "x", 3, 2, coarse),
        Upsample("up", "x", "bilinear", 2, coarse),
        PRelu("prelu", "x", np.array([-1, 3], np.int8), 2, coarse),
        Add("add", ("x", "prelu"), Format(True, 8, 5)),
        Add("difference", ("conv", "prelu"), Format(False, 8, 4), negated=True),
        Concat("concat", ("x", "conv"), Format(True, 8, 5)),
        Multiply("product", ("x", "prelu"), Format(True, 8, 10)),
        GlobalAverage("mean", "x", coarse),
        Resize("resize", ("x",), coarse, Places.CORNERS, 2),
    )
    network = Network((Input("x", 2, source),), layers, rounding, additions=additions)
    rng = np.random.default_rng(62)
    assert_exact(network, rng.integers(source.min, source.max, (5, 7, 2), endpoint=True).astype(source.dtype))
    metadata = {entry.key: entry.value for entry in to_onnx(network).metadata_props}
    assert metadata["rounding"] == str(network.rules)
    only_even = set(network.rules) == {Rounding.HALF_EVEN}
    assert metadata["flavour"] == ("QDQ" if only_even else "integer operators")


def hard_pictures(source, channels):
    """Sizes at which every pixel is at an edge, odd sizes, and pictures of the extreme codes alone."""
    rng = np.random.default_rng(61)
    for size in [(1, 1), (1, 2), (2, 1), (1, 7), (6, 1), (2, 2), (3, 3), (5, 4), (9, 13)]:
        yield rng.integers(source.min, source.max, (*size, channels), endpoint=True).astype(source.dtype)
        extreme = rng.integers(0, 2, (*size, channels)) == 0
        yield np.where(extreme, source.min, source.max).astype(source.dtype)


def upsamples(out, kinds=KINDS):
    return [Upsample(f"{kind} by {factor}", "x", kind, factor, out) for kind, factor in kinds]


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("source", "out"), FORMATS)
def test_interpolation_at_edges_and_extremes(source, out, rounding):
    assert_exact(reading_x(upsamples(out), 2, source, rounding), *hard_pictures(source, 2))


PAIRS = [
    ("bilinear", 2),
    ("bilinear", 3),
    ("bilinear", 4),
    ("bicubic", 2),
    ("bicubic_075", 2),
    ("bicubic", 3),
]
"""What every pair of codes is tried on, and large pictures."""


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_interpolation_of_every_pair_of_codes(rounding):
    """Each of the 65,536 pairs of neighbours, in rows and, transposed, in columns."""
    codes = np.empty((256, 512, 1), np.uint8)
    codes[:, 0::2, 0], codes[:, 1::2, 0] = np.arange(256)[:, None], np.arange(256)
    network = reading_x(upsamples(PIXEL, PAIRS), 1, PIXEL, rounding)
    assert_exact(network, codes, codes.transpose(1, 0, 2), small=False)


def test_interpolation_of_a_large_picture():
    """Runtimes divide large pictures among threads and vectorise over channels."""
    codes = np.random.default_rng(62).integers(0, 256, (131, 259, 16), dtype=np.uint8)
    assert_exact(reading_x(upsamples(S8, PAIRS), 16, PIXEL), codes, small=False)


def test_only_what_is_rounded_is_a_convolution_and_none_is_a_float_island():
    """In the QDQ form; an Add puts the middle of the range back where no zero point can."""
    for out, added in ((PIXEL, 0), (S8, 13), (Format(True, 8, 4), 0), (Format(False, 8, 9), 13)):
        network = reading_x(upsamples(out), 3, PIXEL)
        counts = census(to_onnx(network).SerializeToString())
        assert (counts["Resize"], counts["Conv"], counts.get("Add", 0)) == (5, 16, added)
        assert float_islands(network, counts) == []
        assert float_islands(network, counts | {"Conv": 17}) == ["float Conv: 1"]


def test_a_grid_that_is_much_too_coarse_is_refused():
    network = reading_x([Upsample("y", "x", "bicubic_075", 2, Format(False, 8, 1))], 1, PIXEL)
    with pytest.raises(
        HwrtsError, match="layer 'y': its format u8 lsb 2\\^-1 is too coarse for u8 lsb 2\\^-8"
    ):
        to_onnx(network)


def test_the_middle_that_is_put_back_matters():
    """Half to even turns around behind an odd number of codes: no zero point adds one."""
    for frac in range(2, 12):
        network = reading_x([Upsample("y", "x", "bicubic_075", 2, Format(False, 8, frac))], 1, PIXEL)
        (quantize,) = (node for node in to_onnx(network).graph.node if node.op_type == "QuantizeLinear")
        shifted = quantize.input[2].endswith("shifted_zero")
        assert shifted == (frac <= 8)


def conv(rng, name, source, outputs, inputs, out):
    weight = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv(name, source, weight, zero + 8, zero + 100, out)


def everything(rounding=Rounding.HALF_EVEN):
    """Each operator once or more between convolutions and additions; one tensor is read by three kinds."""
    rng = np.random.default_rng(63)
    layers = (
        Upsample("up", "x", "bicubic", 2, PIXEL),
        conv(rng, "first", "up", 5, 3, S8),
        PRelu("leaky", "first", np.array([20, -7, 127, 0, 64], np.int8), 7, S8),
        conv(rng, "second", "leaky", 5, 5, S8),
        Scale("soft", "second", 102, 10, S8),
        Add("sum", ("leaky", "soft"), S8),
        PRelu("again", "sum", np.full(5, 26, np.int8), 8, S8),
        conv(rng, "third", "sum", 3, 5, S8),
        Clip("limited", "sum", -20, 90),
        Lookup("gate", "limited", np.arange(127, -129, -1, dtype=np.int16), S8),
        Lookup("again gate", "limited", np.arange(127, -129, -1, dtype=np.int16), S8),
        Add("gates", ("gate", "again gate"), S8),
        Add("both of three", ("again", "gates"), S8),
        Add("both", ("sum", "both of three"), S8),
        conv(rng, "fourth", "both", 3, 5, S8),
        Upsample("smooth", "x", "bilinear", 2, PIXEL),
        Add("residual", ("third", "fourth"), S8),
        Repeat("moved", "x", 2),
        Add("half", ("smooth", "moved"), Format(False, 8, 7)),
        Add("picture", ("half", "residual"), PIXEL),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding)


def test_everything_around_stays_integer(picture):
    network = everything()
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["QLinearConv"], counts["QLinearAdd"], counts["QLinearMul"]) == (4, 7, 1)
    assert counts["Gather"] == 2  # two equal tables on one tensor
    assert (counts["PRelu"], counts["Resize"]) == (2, 3)  # the documented float operators, and one repetition
    assert not {"Conv", "FusedConv", "Add", "Sum", "Mul"} & set(counts)
    assert float_islands(network, counts) == []
    assert float_islands(network, counts | {"QLinearMul": 0}) == ["QLinearMul: 0 of 1"]
    assert float_islands(network, counts | {"Gather": 1}) == ["Gather: 1 of 2"]
    assert_exact(network, picture(9, 12))


def test_constants_are_stored_as_integers():
    initializers = {t.name: numpy_helper.to_array(t) for t in to_onnx(everything()).graph.initializer}
    assert initializers["leaky.slope"].dtype == np.int8
    assert initializers["leaky.slope"].ravel().tolist() == [20, -7, 127, 0, 64]
    assert initializers["soft.multiplier"].dtype == np.uint8
    assert initializers["soft.multiplier"].item() == 128 + 102
    for name, array in initializers.items():
        if name.endswith(".scale"):
            assert (np.frexp(array)[0] == 0.5).all(), name


@pytest.mark.parametrize("rounding", Rounding)
def test_every_constant_is_read(rounding):
    """ONNX Runtime warns of others whenever such a file is opened."""
    graph = to_onnx(everything(rounding)).graph
    assert {each.name for each in graph.initializer} <= {name for node in graph.node for name in node.input}


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.DOUBLE})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_everything_is_verified(picture, rounding):
    network = everything(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    computing = {layer.name for layer in network.layers} - {"moved", "gate", "again gate", "limited"}
    assert set(verdict.facts["bounds"]) == set(verdict.facts["saturation"]) == computing


def changed(model, name, change):
    """The model with one initialiser or attribute changed."""
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))
            return model
    (node,) = (node for node in model.graph.node if node.name == name)
    (attribute,) = (a for a in node.attribute if a.name == "cubic_coeff_a")
    attribute.CopyFrom(onnx.helper.make_attribute("cubic_coeff_a", change(attribute.f)))
    return model


def flip(codes):
    return codes ^ np.array(1, codes.dtype)


@pytest.mark.parametrize(
    ("rounding", "name", "change"),
    [
        (Rounding.HALF_EVEN, "leaky.slope", flip),
        (Rounding.HALF_EVEN, "soft.multiplier", flip),
        (Rounding.HALF_EVEN, "up.exact.Resize", lambda a: -0.75),
        (Rounding.HALF_EVEN, "gate.table", flip),
        (Rounding.HALF_EVEN, "limited.low", flip),
        (Rounding.FLOOR, "limited.low", flip),
        (Rounding.FLOOR, "gate.table", flip),
        (Rounding.FLOOR, "leaky.slope", flip),
        (Rounding.FLOOR, "soft.acc.times", flip),
        (Rounding.FLOOR, "up.pixels.Resize", lambda a: -0.75),
    ],
)
def test_one_wrong_constant_in_the_file_is_found(picture, rounding, name, change):
    network = everything(rounding)
    model = to_onnx(network)
    wrong, photo = changed(model, name, change).SerializeToString(), {"photo": picture(13, 17)}
    verdict = verify(network, wrong, photo, stimuli=["photo"], layers=[network.output])
    assert not verdict.passed
    assert verdict.rows["onnxruntime, the file", "entire", "picture"].mismatches > 0
