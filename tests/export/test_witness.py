import numpy as np
import pytest

from hwrts.export import NumpyWitness, to_onnx
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import run_all


@pytest.mark.parametrize("number", range(4))
def test_witnesses_agree_with_the_definition(anchor, picture, number):
    network = anchor(seed=3, activation_bits=6)
    witness = [NumpyWitness(network, "fast"), *onnx_witnesses(network, to_onnx(network).SerializeToString())][
        number
    ]
    expected = run_all(network, picture(9, 10), "int64")
    found = witness.entire(picture(9, 10))
    for layer in network.layers:
        alone = witness.single(layer.name, {name: expected[name] for name in layer.sources})
        for codes in (found[layer.name], alone):
            np.testing.assert_array_equal(codes, expected[layer.name], err_msg=f"{witness.name} {layer.name}")
            assert codes.dtype == expected[layer.name].dtype


def test_witnesses_have_names_of_their_own(anchor):
    network = anchor()
    witnesses = onnx_witnesses(network, to_onnx(network).SerializeToString())
    assert [(witness.name, witness.small_only) for witness in witnesses] == [
        ("onnxruntime fused", False),
        ("onnxruntime unfused", False),
        ("onnx.reference", True),
    ]
