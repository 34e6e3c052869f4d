"""Differences of two tensors in the ONNX file: every pair of codes, and what stays integer around them."""

import pytest

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.fixed_point import PIXEL, Add, Format, Input, Network, Rounding

from .test_multiply import S8, assert_exact, every_pair


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    ("a", "b", "outs"),
    [
        (PIXEL, PIXEL, [(False, 8, 8), (True, 8, 8), (True, 8, 7), (True, 8, 12)]),
        (PIXEL, S8, [(False, 8, 8), (True, 5, 4)]),
        (Format(True, 8, 3), Format(False, 8, 11), [(True, 8, 3), (False, 8, 9)]),
    ],
)
def test_every_pair_of_codes(a, b, outs, rounding):
    layers, codes = every_pair(a, b)
    differences = [Add(f"y{i}", ("a", "b"), Format(*out), True) for i, out in enumerate(outs)]
    turned = [Add(f"z{i}", ("b", "a"), Format(*out), True) for i, out in enumerate(outs)]
    network = Network((Input("x", 2, PIXEL),), (*layers, *differences, *turned), rounding)
    assert_exact(network, codes, small=False)
    assert_exact(network, codes[::9, ::9])


def denoiser(rounding=Rounding.HALF_EVEN):
    return Network(
        (Input("x", 3, PIXEL),),
        (
            Add("twice", ("x", "x"), Format(False, 8, 7)),
            Add("noise", ("twice", "x"), S8, negated=True),
            Add("y", ("twice", "noise"), PIXEL, negated=True),
        ),
        rounding,
    )


def test_a_subtraction_is_the_only_float_operator():
    counts = census(to_onnx(denoiser()).SerializeToString())
    assert (counts["QLinearAdd"], counts["Sub"]) == (1, 2)
    assert float_islands(denoiser(), counts) == []
    assert float_islands(denoiser(), counts | {"QLinearAdd": 0}) == ["QLinearAdd: 0 of 1"]


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.HALF_AWAY})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_it_is_verified_and_has_its_control(picture, rounding):
    network = denoiser(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    names = [control["name"] for control in verdict.controls]
    assert {"deliberate error in noise", "deliberate error in y"} <= set(names)


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
def test_a_sum_in_its_place_is_found(picture, rounding):
    network = denoiser(rounding)
    model = to_onnx(network)
    wrong = next(node for node in model.graph.node if node.output[0] in ("noise.exact", "noise.acc"))
    wrong.op_type = "Add"
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert not verdict.passed
    assert verdict.rows["onnxruntime, the file", "entire", "y"].mismatches > 0
