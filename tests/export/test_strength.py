"""The strength of a correction in the file that is handed over, in C and in Verilog."""

import numpy as np
import onnx
import pytest

from hwrts.export import open_session, to_onnx, verify
from hwrts.export.c import CWitness, c_files
from hwrts.export.runtime import run_session_all
from hwrts.export.witness import stored_inputs
from hwrts.fixed_point import Adjusted, HwrtsError, Rounding, adjusted, run

from ..fixed_point.build import anchor_network, noise
from ..fixed_point.test_strength import EVERYTHING, STRENGTHS, same_size_network
from .rtl.simulate import assert_exact

SLIDER = Adjusted(register=True, coring=2, overshoot=8)


def fed(network, strength):
    codes = noise(network, 14, 18, seed=strength)
    return {"x": codes, "strength": np.full((1, 1, 1), strength, np.uint8)}


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_every_witness_at_every_layer_with_a_register(rounding):
    network = adjusted(anchor_network(rounding), SLIDER)
    pictures = {f"strength {k}": fed(network, k) for k in STRENGTHS}
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures)
    assert verdict.passed, verdict
    witnesses = {witness for witness, _, _ in verdict.rows}
    assert {"numpy fast", "onnxruntime fused", "onnxruntime unfused", "onnx.reference"} <= witnesses
    assert {layer for _, _, layer in verdict.rows} == {layer.name for layer in network.layers}
    assert any("lighter" in control["name"] for control in verdict.controls)


@pytest.mark.parametrize("how", [Adjusted(strength=0), Adjusted(strength=17), EVERYTHING])
def test_every_witness_with_a_number(how):
    network = adjusted(same_size_network(), how)
    pictures = {"noise of this": noise(network, 14, 18)}
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures, [CWitness(network)])
    assert verdict.passed, verdict


def test_one_file_serves_the_slider():
    """Its second input is a byte; of each strength it makes what the network of that number makes."""
    network = anchor_network()
    slider = adjusted(network, SLIDER)
    model = to_onnx(slider)
    sizes = [
        [side.dim_value or side.dim_param for side in each.type.tensor_type.shape.dim]
        for each in model.graph.input
    ]
    assert sizes == [["N", 3, "H", "W"], ["N", 1, 1, 1]]
    assert model.graph.input[1].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    session = open_session(model.SerializeToString())
    for strength in STRENGTHS:
        codes = fed(slider, strength)
        fixed = adjusted(network, Adjusted(strength=strength, coring=2, overshoot=8))
        made = run_session_all(session, slider, stored_inputs(slider, codes))["y"][0].transpose(1, 2, 0)
        np.testing.assert_array_equal(made, run(fixed, codes["x"], "int64"))


@pytest.mark.parametrize("how", [Adjusted(strength=17), SLIDER])
def test_the_circuit_too(how, tmp_path):
    """In the simulator each frame has its own strength."""
    assert_exact(tmp_path, adjusted(anchor_network(), how), [(5, 7), (6, 4)])


def test_the_c_model_takes_numbers_alone():
    with pytest.raises(
        HwrtsError, match=r"C model: input 'strength' is one pixel beside a picture.*--strength"
    ):
        c_files(adjusted(anchor_network(), SLIDER))
