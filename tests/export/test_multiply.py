"""Products of two tensors in the ONNX file: every pair of codes, one channel for many, what stays integer."""

import numpy as np
import pytest

from hwrts.export import census, to_onnx, verify
from hwrts.export.runtime import float_islands
from hwrts.export.witness import onnx_witnesses
from hwrts.fixed_point import PIXEL, Add, Conv, Format, Input, Multiply, Network, Rounding, Scale, run_all

S8 = Format(True, 8, 8)


def assert_exact(network, codes, *, small=True):
    expected = run_all(network, codes, "int64")
    for witness in onnx_witnesses(network, to_onnx(network).SerializeToString()):
        if small or not witness.small_only:
            found = witness.entire(codes)
            for layer in network.layers:
                np.testing.assert_array_equal(
                    found[layer.name], expected[layer.name], err_msg=f"{witness.name}: {layer}"
                )


def every_pair(a, b):
    """Layers that make two tensors of a picture of two channels, and the picture: each pair of codes once."""
    left, right = (np.array(taps, np.int8).reshape(1, 2, 1, 1) for taps in ([1, 0], [0, 1]))
    zero = np.zeros(1, np.int32)
    # stored code q of a signed format is the code q - 128
    layers = [
        Conv(name, "x", tap, zero + form.frac - 8, zero - 128 * form.signed, form)
        for name, tap, form in (("a", left, a), ("b", right, b))
    ]
    codes = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=2).astype(np.uint8)
    return layers, codes


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    ("a", "b", "outs"),
    [
        (PIXEL, PIXEL, [(False, 8, 8), (False, 8, 16), (True, 8, 7)]),
        (S8, S8, [(True, 8, 8), (True, 8, 10), (False, 8, 10)]),
        (S8, PIXEL, [(True, 8, 8), (True, 5, 5), (True, 8, 13)]),
        (Format(True, 8, 3), Format(False, 8, 11), [(True, 8, 5), (False, 8, 7)]),
    ],
)
def test_every_pair_of_codes(a, b, outs, rounding):
    layers, codes = every_pair(a, b)
    products = [Multiply(f"y{i}", ("a", "b"), Format(*out)) for i, out in enumerate(outs)]
    network = Network((Input("x", 2, PIXEL),), (*layers, *products), rounding)
    seen = run_all(network, codes[:, :4], "int64")
    assert (seen["b"].min(), seen["b"].max()) == (b.min, b.max)
    assert_exact(network, codes, small=False)
    assert_exact(network, codes[::9, ::9])


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("form", [PIXEL, S8, Format(True, 4, 2)], ids=str)
def test_the_square_of_every_code(form, rounding):
    outs = [Format(False, 8, 8), Format(True, 8, 6), Format(False, 5, 2)]
    layers = [Multiply(f"y{i}", ("x", "x"), out) for i, out in enumerate(outs)]
    network = Network((Input("x", 1, form),), tuple(layers), rounding)
    assert_exact(network, np.arange(form.min, form.max + 1, dtype=form.dtype).reshape(-1, 1, 1))


def conv(rng, name, source, outputs, inputs, out):
    weight = rng.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv(name, source, weight, zero + 8, zero + 100, out)


def everything(rounding=Rounding.HALF_EVEN):
    """Gates, masks of one channel on either side, squares, and a product of products."""
    rng = np.random.default_rng(73)
    layers = (
        conv(rng, "first", "x", 5, 3, S8),
        conv(rng, "second", "first", 5, 5, PIXEL),
        Multiply("gate", ("first", "second"), S8),
        conv(rng, "mask", "gate", 1, 5, PIXEL),
        Multiply("left", ("mask", "gate"), Format(True, 6, 6)),
        Multiply("right", ("x", "mask"), PIXEL),
        Multiply("square", ("left", "left"), Format(False, 8, 10)),
        Scale("soft", "square", 77, 7, Format(False, 8, 10)),
        conv(rng, "last", "soft", 3, 5, S8),
        Multiply("of products", ("right", "last"), S8),
        Add("y", ("x", "of products"), PIXEL),
    )
    return Network((Input("x", 3, PIXEL),), layers, rounding)


def test_everything_is_integer(picture):
    network = everything()
    counts = census(to_onnx(network).SerializeToString())
    assert (counts["QLinearMul"], counts["QLinearConv"], counts["QLinearAdd"]) == (6, 4, 1)
    assert not {"Mul", "Conv", "FusedConv", "Add", "Sum", "DequantizeLinear", "QuantizeLinear"} & set(counts)
    assert float_islands(network, counts) == []
    assert float_islands(network, counts | {"QLinearMul": 5}) == ["QLinearMul: 5 of 6"]
    assert float_islands(network, counts | {"Mul": 1}) == ["float Mul: 1"]
    assert_exact(network, picture(9, 12))


@pytest.mark.usually(rounding={Rounding.HALF_EVEN, Rounding.HALF_UP})
@pytest.mark.usefixtures("few_stimuli", "one_thread")
@pytest.mark.parametrize("rounding", Rounding)
def test_it_is_verified_and_each_product_has_a_control(picture, rounding):
    network = everything(rounding)
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(13, 17)})
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    names = [control["name"] for control in verdict.controls]
    for name in ("gate", "left", "right", "square", "of products"):
        assert f"deliberate error in {name}" in names


@pytest.mark.parametrize(
    ("rounding", "node"), [(Rounding.HALF_EVEN, "gate.exact"), (Rounding.FLOOR, "gate.acc")]
)
def test_another_operand_in_the_file_is_found(picture, rounding, node):
    network = everything(rounding)
    model = to_onnx(network)
    (product,) = (each for each in model.graph.node if each.output[0] == node)
    product.input[1] = product.input[0]
    verdict = verify(network, model.SerializeToString(), {"photo": picture(13, 17)}, stimuli=["photo"])
    assert not verdict.passed
    assert verdict.rows["onnxruntime fused", "entire", "gate"].mismatches > 0
    assert verdict.rows["onnxruntime, the file", "entire", "y"].mismatches > 0
