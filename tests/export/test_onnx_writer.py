import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from hwrts.export import census, open_session, to_onnx
from hwrts.export.onnx_nodes import zero_point
from hwrts.export.onnx_writer import expose_layers, to_qdq
from hwrts.export.qdq_options import OPSET, QdqOptions
from hwrts.export.runtime import float_islands
from hwrts.export.witness import from_stored, to_stored
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    Network,
    Repeat,
    Rounding,
    Scale,
    run,
    run_all,
)


@pytest.mark.parametrize(
    ("out", "zero", "lowest", "highest"),
    [
        (PIXEL, 0, 0, 255),
        (Format(True, 8, 8), 128, 0, 255),
        (Format(True, 4, 2), 128, 120, 135),
        (Format(False, 2, 0), 0, 0, 3),
        (Format(False, 10, 10), 0, 0, 1023),
        (Format(True, 12, 10), 0, -2048, 2047),
    ],
)
def test_stored_codes(out, zero, lowest, highest):
    assert zero_point(out) == zero
    codes = np.array([[[out.min, 0, out.max]]], out.dtype)
    stored = to_stored(codes, out)
    assert stored.shape == (1, 3, 1, 1)
    assert stored.ravel().tolist() == [lowest, zero, highest]
    np.testing.assert_array_equal(from_stored(stored, out), codes)
    assert from_stored(stored, out).dtype == out.dtype


def test_the_file_is_legal_and_says_what_it_is(anchor):
    network = anchor()
    model = to_onnx(network, metadata={"source": "run 7"})
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert (model.ir_version, model.producer_name) == (9, "hwrts")
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert notes["source"] == "run 7"
    assert notes["rounding"] == "half_even"
    assert {key: notes[f"format.{key}"] for key in network.formats} == {
        name: str(out) for name, out in network.formats.items()
    }
    assert notes["format.residual"] == "s8 lsb 2^-8"


def test_input_and_output_are_uint8_of_any_size(anchor):
    model = to_onnx(anchor())
    (source,), (out,) = model.graph.input, model.graph.output
    for value, axes in ((source, ["N", 3, "H", "W"]), (out, ["N", 3, "H*2", "W*2"])):
        kind = value.type.tensor_type
        assert kind.elem_type == TensorProto.UINT8
        assert [axis.dim_param or axis.dim_value for axis in kind.shape.dim] == axes
    assert (source.name, out.name) == ("x", "picture")


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 1, 1), (1, 5, 1), (3, 7, 9)])
def test_any_batch_and_size_runs(anchor, batch, height, width):
    network = anchor()
    session = open_session(to_onnx(network).SerializeToString())
    rng = np.random.default_rng(5)
    stored = rng.integers(0, 256, (batch, 3, height, width), dtype=np.uint8)
    (found,) = session.run(None, {"x": stored})
    assert found.shape == (batch, 3, 2 * height, 2 * width)
    for one, codes in zip(stored, found, strict=True):
        np.testing.assert_array_equal(codes.transpose(1, 2, 0), run(network, one.transpose(1, 2, 0), "int64"))


def test_weights_are_stored_as_int8_and_nowhere_as_float(anchor):
    network = anchor()
    model = to_onnx(network)
    initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for conv in network.convs:
        stored = initializers[f"{conv.name}.weight"]
        assert stored.dtype == np.int8
        np.testing.assert_array_equal(stored, conv.weight_i8)
        assert initializers[f"{conv.name}.bias"].dtype == np.int32
        np.testing.assert_array_equal(initializers[f"{conv.name}.bias"], conv.bias_i32)
    largest_float = max(array.size for array in initializers.values() if array.dtype.kind == "f")
    assert largest_float <= 12  # scales, one for each output channel
    for name, array in initializers.items():
        if name.endswith(".scale"):
            assert (np.frexp(array)[0] == 0.5).all(), name


def test_a_weight_costs_about_a_byte():
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (64, 64, 3, 3)).astype(np.int8)
    zero = np.zeros(64, np.int32)
    conv = Conv("a", "x", weight, zero + 12, zero, Format(True, 8, 4))
    size = len(to_onnx(Network((Input("x", 64, PIXEL),), (conv,))).SerializeToString())
    assert weight.size < size < 1.1 * weight.size


def _assert_exact(network: Network, pixels: np.ndarray) -> None:
    names = [layer.name for layer in network.layers]
    expected = run_all(network, pixels, "int64")
    model = expose_layers(to_onnx(network), network)
    session = open_session(model.SerializeToString())
    given = [value.name for value in session.get_outputs()]
    assert set(given) == set(names)
    source = network.inputs[0]
    for name, stored in zip(
        given, session.run(None, {source.name: to_stored(pixels, source.out)}), strict=True
    ):
        np.testing.assert_array_equal(
            from_stored(stored, network.formats[name]), expected[name], err_msg=name
        )


@pytest.mark.parametrize("activation_bits", [2, 3, 4, 5, 6, 7, 8])
def test_narrow_activations_are_exact(anchor, picture, activation_bits):
    network = anchor(activation_bits, activation_bits=activation_bits)
    _assert_exact(network, picture(13, 14))


@pytest.mark.parametrize("weight_bits", [2, 3, 5, 7, 8])
def test_narrow_weights_are_exact(anchor, picture, weight_bits):
    _assert_exact(anchor(weight_bits, weight_bits=weight_bits), picture(13, 14))


@pytest.mark.parametrize("settings", [{}, {"channels": 16}, {"activation_bits": 5}, {"weight_bits": 4}])
def test_runtime_makes_integers_of_everything(anchor, settings):
    network = anchor(**settings)
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["QLinearConv"], counts["QLinearAdd"]) == (5, 3)
    assert not {"Conv", "FusedConv", "Add", "Sum"} & set(counts)
    assert float_islands(network, counts) == []


def test_moving_codes_needs_no_arithmetic(picture):
    network = Network(
        (Input("x", 4, PIXEL),),
        (Repeat("big", "x", 3), DepthToSpace("out", "big", 2)),
    )
    codes = np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    _assert_exact(network, codes)


OTHERS = [rule for rule in Rounding if rule is not Rounding.HALF_EVEN]


@pytest.mark.parametrize("rounding", OTHERS)
@pytest.mark.parametrize("settings", [{}, {"channels": 16}, {"activation_bits": 5}, {"weight_bits": 3}])
def test_other_roundings_are_exact_in_integer_operators(anchor, picture, rounding, settings):
    network = anchor(rounding=rounding, **settings)
    _assert_exact(network, picture(13, 14))
    model = to_onnx(network)
    assert not {"QuantizeLinear", "DequantizeLinear", "Conv"} & {node.op_type for node in model.graph.node}
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert (notes["rounding"], notes["flavour"]) == (rounding.value, "integer operators")
    counts = census(model.SerializeToString())
    assert counts["ConvInteger"] == 5
    assert float_islands(network, counts) == []
    assert float_islands(network, {**counts, "ConvInteger": 4}) == ["ConvInteger: 4 of 5"]


TIE = {
    Rounding.HALF_EVEN: 2,
    Rounding.HALF_UP: 3,
    Rounding.HALF_AWAY: 3,
    Rounding.FLOOR: 2,
    Rounding.DOUBLE: 3,
}
BELOW_ZERO = {
    Rounding.HALF_EVEN: -2,
    Rounding.HALF_UP: -2,
    Rounding.HALF_AWAY: -3,
    Rounding.FLOOR: -3,
    Rounding.DOUBLE: -2,  # by one bit it is half up
}


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("large", "kind"), [(1, "float32"), (127, "float64")])
def test_a_tie_in_each_rule_and_width(rounding, large, kind):
    """2.5 and -2.5 codes by hand; 1,200 weights of 127 elsewhere push the bound beyond 2**24."""
    weight = np.full((1, 600, 3, 3), large, np.int8)
    one = np.ones(1, np.int32)
    conv = Conv("y", "x", weight, one, np.zeros(1, np.int32), Format(True, 8, 8))
    network = Network((Input("x", 600, Format(True, 8, 8)),), (conv,), rounding)
    codes = np.zeros((1, 1, 600), np.int8)
    codes[0, 0, 0] = 5
    session = open_session(to_onnx(network).SerializeToString())
    if large == 1:
        for value, table in ((5, TIE), (-5, BELOW_ZERO)):
            codes[0, 0, 0] = value
            (stored,) = session.run(None, {"x": to_stored(codes, Format(True, 8, 8))})
            assert from_stored(stored, conv.out).item() == table[rounding]
    _assert_exact(network, np.random.default_rng(0).integers(-128, 128, (3, 4, 600)).astype(np.int8))
    if rounding is not Rounding.HALF_EVEN:
        floats = {numpy_helper.to_array(t).dtype.name for t in to_onnx(network).graph.initializer} - {"int8"}
        assert kind in floats


@pytest.mark.parametrize("bits", [9, 10, 16])
def test_what_reads_bytes_alone_is_refused_of_more_bits(bits):
    one, wide = np.ones(1, np.int32), Format(True, bits, 8)
    layer = Conv("a", "x", np.ones((1, 1, 1, 1), np.int8), one, one, PIXEL)
    with pytest.raises(HwrtsError, match=f"'a': Conv of {bits} bits has no form in an int8 file"):
        to_onnx(Network((Input("x", 1, wide),), (layer,)))


def test_pictures_of_more_than_8_bits_are_stored_as_their_codes():
    wide = Format(False, 10, 10)
    network = Network((Input("x", 1, wide),), (Scale("a", "x", 1, 0, PIXEL), Add("y", ("x", "a"), wide)))
    graph = to_qdq(network, QdqOptions(size=(4, 4))).graph
    assert {each.type.tensor_type.elem_type for each in (*graph.input, *graph.output)} == {TensorProto.UINT16}
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["Add of int32"], counts["QuantizeLinear of whole float32"]) == (1, 1)
    codes = np.array([[[0], [1], [2], [3], [6], [1020], [1021], [1022], [1023]]], np.uint16)
    assert run_all(network, codes)["a"].ravel().tolist() == [
        0,
        0,
        0,
        1,
        2,
        255,
        255,
        255,
        255,
    ]  # ties to even
    _assert_exact(network, codes)


def test_equal_networks_give_equal_bytes(anchor):
    assert to_onnx(anchor()).SerializeToString() == to_onnx(anchor()).SerializeToString()


def test_exposed_tensors_come_behind_the_output(anchor):
    network = anchor()
    model = to_onnx(network)
    names = [layer.name for layer in network.layers]
    assert [value.name for value in expose_layers(model, network).graph.output] == [names[-1], *names[:-1]]
    assert [value.name for value in model.graph.output] == ["picture"]  # the copy was changed, not the file
