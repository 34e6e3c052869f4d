"""Resizing by any factor in ONNX: every rule and kind of place, sizes that follow the picture."""

import onnx
import pytest

from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, Format, Input, Network, Places, Resize, Rounding

from ..fixed_point.test_resize import attention


@pytest.mark.in_turns
@pytest.mark.parametrize("places", Places)
@pytest.mark.parametrize("rounding", Rounding)
def test_every_witness_agrees(rounding, places, few_stimuli):
    network = attention(places, rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert any("y" in control["name"] for control in verdict.controls)


@pytest.mark.parametrize("bits", [8, 3])
@pytest.mark.parametrize("places", Places)
def test_twice_and_by_a_factor(places, bits):
    """Several layers share a source, and one follows another."""
    out = Format(True, bits, bits - 1)
    network = Network(
        (Input("x", 2, PIXEL),),
        (
            Resize("a", ("x",), out, places, 3),
            Resize("b", ("x",), Format(False, bits, bits), places, 2),
            Resize("c", ("a", "b"), out, places),
            Resize("d", ("c", "x"), out, places),
        ),
        outputs=("c", "d"),
    )
    verdict = verify(network, to_onnx(network).SerializeToString(), {})
    assert verdict.passed, (verdict.problems, verdict.mismatches)


def test_the_file_follows_the_size_and_has_no_resize_of_floats():
    model = to_onnx(attention())
    assert not {"Resize", "MatMul"} & {node.op_type for node in model.graph.node}
    assert [each.dim_param for each in model.graph.output[0].type.tensor_type.shape.dim][2:] == ["H", "W"]
    single = to_onnx(attention().single("y"))
    sides = [each.dim_param for each in single.graph.input[0].type.tensor_type.shape.dim][2:]
    assert sides == ["H of pool", "W of pool"]
    onnx.checker.check_model(single, full_check=True)
