"""Concatenation in the ONNX file: every code of several grids, which operator runs, what a verdict finds."""

import numpy as np
import pytest
from onnx import numpy_helper

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Concat,
    Conv,
    Format,
    Input,
    Network,
    Repeat,
    Rounding,
    Scale,
    run_all,
)

S8 = Format(True, 8, 8)
FORMATS = [PIXEL, S8, Format(False, 8, 5), Format(True, 8, 11), Format(True, 5, 3), Format(False, 3, 0)]


def assert_exact(network, codes):
    expected = run_all(network, codes, "int64")
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        found = witness.entire(codes)
        for layer in network.layers:
            np.testing.assert_array_equal(found[layer.name], expected[layer.name], err_msg=witness.name)


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("out", FORMATS, ids=str)
def test_every_code_of_every_pair_of_grids(out, rounding):
    """Operands are the picture in each format: Scale by 1 has codes of all of them."""
    operands = [Scale(f"t{i}", "x", 1, 8 - form.frac, form) for i, form in enumerate(FORMATS)]
    signed = [Scale(f"n{i}", "x", -1, 8 - form.frac, form) for i, form in enumerate(FORMATS)]
    pairs = [Concat(f"y{i}", (f"t{i}", f"n{5 - i}"), out) for i in range(6)]
    everything = Concat("y", (*(each.name for each in (*operands, *signed)), "x"), out)
    network = Network((Input("x", 1, PIXEL),), (*operands, *signed, *pairs, everything), rounding)
    assert_exact(network, np.arange(256, dtype=np.uint8).reshape(-1, 1, 1))


def conv(rng, name, source, outputs, inputs, out):
    weight = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv(name, source, weight, zero + 8, zero + 100, out)


def everything(rounding=Rounding.HALF_EVEN):
    """Operands on one grid and on several, twice the same, of a concatenation, in front of all kinds."""
    rng = np.random.default_rng(63)
    layers = (
        conv(rng, "first", "x", 4, 3, S8),
        conv(rng, "second", "first", 2, 4, S8),
        Concat("bytes", ("second", "first", "second"), S8),
        conv(rng, "third", "bytes", 3, 8, Format(False, 8, 6)),
        Concat("mixed", ("x", "third", "first"), Format(True, 8, 7)),
        Concat("narrow", ("bytes", "first"), Format(True, 5, 8)),
        Concat("again", ("mixed", "narrow"), Format(True, 8, 7)),
        conv(rng, "last", "again", 3, 22, S8),
        Add("picture", ("x", "last"), PIXEL),
        Concat("both", ("picture", "x"), PIXEL),
        Repeat("y", "both", 2),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding)


def test_one_grid_is_a_move_and_others_are_fused(picture):
    network = everything()
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["QLinearConcat"], counts["Concat"], counts["QLinearConv"]) == (2, 3, 4)
    assert float_islands(network, counts) == []
    assert float_islands(network, counts | {"QLinearConcat": 1}) == ["QLinearConcat: 1 of 2"]
    assert not {"Conv", "FusedConv", "Add", "Sum"} & set(counts)
    assert_exact(network, picture(9, 12))


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.FLOOR})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_it_is_verified_and_has_a_control(picture, rounding):
    network = everything(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    names = [control["name"] for control in verdict.controls]
    for name in ("bytes", "mixed", "narrow", "again", "both"):
        assert f"deliberate error in {name}" in names


def test_operands_in_another_order_are_found(picture):
    network = everything()
    model = to_onnx(network)
    (node,) = (node for node in model.graph.node if node.output[0] == "mixed.exact")
    operands = list(node.input)
    del node.input[:]
    node.input.extend(operands[::-1])
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert not verdict.passed
    assert verdict.rows["onnxruntime fused", "entire", "mixed"].mismatches > 0
    assert verdict.rows["onnxruntime, the file", "entire", "y"].mismatches > 0


def test_an_alignment_one_bit_off_is_found(picture):
    network = everything(Rounding.FLOOR)
    model = to_onnx(network)
    (factor,) = (t for t in model.graph.initializer if t.name == "mixed.operand1.times")
    assert numpy_helper.to_array(factor) == 4  # from 6 to 8 fraction bits
    factor.CopyFrom(numpy_helper.from_array(np.array(2, np.int32), factor.name))
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert verdict.rows["onnxruntime unfused", "entire", "mixed"].mismatches > 0
