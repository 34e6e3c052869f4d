"""Means over the whole picture in the ONNX file: all rules, ties, both signs, any size."""

import numpy as np
import onnx
import pytest

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.fixed_point import PIXEL, Format, GlobalAverage, Input, Network, Rounding, run_all

from ..fixed_point.test_global_average import attention
from .test_operators import assert_exact, changed

S8 = Format(True, 8, 8)
FORMATS = [
    (PIXEL, [PIXEL, S8, Format(False, 8, 10), Format(False, 8, 3), Format(False, 4, 4)]),
    (S8, [S8, PIXEL, Format(True, 8, 12), Format(True, 8, 2), Format(True, 3, 1)]),
    (Format(True, 5, 0), [Format(True, 8, 6), Format(True, 5, -3)]),
]


def near_ties(source, rng):
    """Pictures whose sums are at, or one beside, what rounds the other way, of even and odd sizes."""
    for height, width in [(1, 1), (1, 2), (2, 2), (3, 5), (4, 8), (7, 9), (16, 16), (1, 31)]:
        codes = np.empty((height, width, 24), source.dtype)
        for c, middle in enumerate(rng.integers(source.min, source.max, 24)):  # a mean of middle + 1/2 or so
            flat = np.full(height * width, middle)
            flat[: height * width // 2 + int(rng.integers(-1, 2))] += 1
            codes[..., c] = rng.permutation(flat).reshape(height, width)
        yield codes
        yield rng.integers(source.min, source.max, codes.shape, endpoint=True).astype(source.dtype)


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("source", "outs"), FORMATS)
def test_every_rule_at_ties(source, outs, rounding):
    layers = [GlobalAverage(f"y{n}", "x", out) for n, out in enumerate([*outs, outs[0]])]
    network = Network((Input("x", 24, source),), tuple(layers), rounding)
    assert_exact(network, *near_ties(source, np.random.default_rng(91)))


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_a_large_picture(rounding):
    """Its sum is beyond 2**24, where float32 has lost what decides: a mean of 254.5, and one beside."""
    codes = np.full((1024, 300, 3), 255, np.uint8)
    codes[:512] = 254
    codes[0, 0, 1] += 1
    codes[-1, -1, 2] -= 1
    network = Network((Input("x", 3, PIXEL),), (GlobalAverage("y", "x", PIXEL),), rounding)
    tie = 254 if rounding is Rounding.HALF_EVEN else 255
    assert run_all(network, codes)["y"].ravel().tolist() == [tie, 255, 254]
    assert_exact(network, codes)


def test_a_long_row():
    """Whose sum alone is beyond 2**24: 255 each but for one, of an odd count."""
    codes = np.full((1, 2 * 65_802 + 1, 1), 255, np.uint8)
    codes[0, :65_802] = 254
    network = Network(
        (Input("x", 1, PIXEL),), (GlobalAverage("y", "x", Format(False, 8, 8)),), Rounding.HALF_UP
    )
    assert (
        run_all(network, codes)["y"].item() == 255
    )  # 254.500004; in float32 the sum is one less, and that is 254
    assert_exact(network, codes)
    codes[0, -1] = 254
    assert run_all(network, codes)["y"].item() == 254
    assert_exact(network, codes)


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.HALF_AWAY})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_attention_is_verified(picture, rounding):
    network = attention(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    controls = {control["name"]: control["caught"] for control in verdict.controls}
    assert controls["deliberate error in mean"]
    assert verdict.facts["untold"] == []


def test_everything_around_stays_integer():
    network = attention()
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["QLinearConv"], counts["QLinearMul"], counts["QLinearAdd"]) == (4, 2, 2)
    assert (counts["ReduceSum of int64"], counts["Gather"]) == (2, 1)
    assert not {"Conv", "Mul", "Add", "GlobalAveragePool", "ReduceMean"} & set(counts)
    assert float_islands(network, counts) == []


def test_one_pixel_has_its_size_in_the_file():
    model = to_onnx(attention().single("left"))
    shapes = {
        each.name: [axis.dim_value or axis.dim_param for axis in each.type.tensor_type.shape.dim]
        for each in model.graph.input
    }
    assert shapes == {"gate": ["N", 4, 1, 1], "up": ["N", 4, "H", "W"]}


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
def test_a_wrong_number_in_the_file_is_found(picture, rounding):
    network = attention(rounding)
    model = to_onnx(network)
    (name,) = (each.name for each in model.graph.initializer if each.name == "mean.128")
    onnx.checker.check_model(changed(model, name, lambda zero: zero - 1))
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert not verdict.passed
