"""Hidden tensors narrower than the others: C model and circuit saturate at the width of each tensor."""

import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.export import to_onnx, verify
from hwrts.export.c import CWitness
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.runs.quantise import start_qat

from .simulate import assert_exact, needs


@pytest.mark.parametrize("hidden_bits", [2, 4])
def test_narrow_hidden_tensors_beside_wide_corrections(tmp_path, hidden_bits):
    needs("cc")
    torch.manual_seed(0)
    model = build_network(NetworkConfig(channels=4)).eval()
    with torch.no_grad():  # a trained residual is not nearly zero
        model.get_submodule("conv_out").weight.mul_(100)  # type: ignore[operator]
    qat = QatConfig(weight_bits=4, hidden_bits=hidden_bits)
    quantised = start_qat(trace(model), qat, lambda step: torch.rand(1, 3, 16, 16), Silent()).eval()
    network = quantised.lower()
    assert {network.formats[name].bits for name in ("conv_in", "conv_0", "add")} == {hidden_bits}
    assert {network.formats[name].bits for name in ("conv_out", "correction", "picture")} == {8}
    model_file = to_onnx(network).SerializeToString()
    assert verify(network, model_file, {}, [CWitness(network)], stimuli=["ramp", "noise"]).passed
    assert_exact(tmp_path, network, [(5, 7)])
