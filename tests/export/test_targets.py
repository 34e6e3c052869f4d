"""Files of targets: what stands in them, the same codes in ONNX Runtime, and what is refused."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwrts.export.clients import check_file, client_of, under
from hwrts.export.depth_first import depth_first
from hwrts.export.onnx_writer import to_onnx, to_qdq
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.export.targets import TARGETS, check_pictures, target_file, target_of
from hwrts.export.targets.around_zero import around_zero
from hwrts.export.targets.export import checked, differing
from hwrts.export.targets.float_file import float_model
from hwrts.export.turned import turned
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Clip,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    Lookup,
    Maximum,
    Multiply,
    Network,
    Over,
    Padding,
    PRelu,
    Reorder,
    Rounding,
    RoundingRules,
    Scale,
    Upsample,
    run,
)

SIZE = (9, 12)
S8, U7 = Format(True, 8, 7), Format(False, 7, 7)


def conv(name, source, weight, out, frac=7, bias=0, **fields):
    weight = np.asarray(weight, np.int8)
    zero = np.zeros(len(weight), np.int32)
    return Conv(name, source, weight, zero + frac, zero + bias, out, **fields)


def per_tensor(network):
    """One grid of weights for all channels, and seven bits, as AMD's and NVIDIA's want them."""
    layers = [
        replace(each, weight_frac=np.full_like(each.weight_frac, each.weight_frac.min()))
        if isinstance(each, Conv)
        else each
        for each in network.layers
    ]
    return replace(network, layers=tuple(layers), like=None)


def signed(network):
    """The anchor with hidden tensors of 7 bits, but pictures and signed tensors as they are."""
    layers = [
        replace(each, out=Format(False, 7, each.out.frac - 1))
        if isinstance(each, Conv | Add) and not each.out.signed and each.name != network.output
        else each
        for each in network.layers
    ]
    return per_tensor(replace(network, layers=tuple(layers), like=None))


def read(file):
    return onnx.load_from_string(file.model)


def nodes_of(model, op):
    return [node for node in model.graph.node if node.op_type == op]


def maker(model, name):
    return next(node for node in model.graph.node if name in node.output)


@pytest.mark.parametrize(
    ("stored", "unsigned", "with_sign", "dtypes"),
    [
        (Stored.UNSIGNED, 0, 128, (np.uint8, np.uint8)),
        (Stored.SIGNED, -128, 0, (np.int8, np.int8)),
        (Stored.SYMMETRIC, 0, 0, (np.int8, np.int8)),
        (Stored.UPWARD, 128, 128, (np.uint8, np.uint8)),
        (Stored.BY_SIGN, 0, 0, (np.uint8, np.int8)),
    ],
)
def test_bytes_of_each_way_to_store(stored, unsigned, with_sign, dtypes):
    assert (stored.zero_point(U7), stored.zero_point(S8)) == (unsigned, with_sign)
    assert (stored.less(U7), stored.less(S8)) == (-unsigned, 128 - with_sign)
    assert (stored.dtype(U7), stored.dtype(S8)) == dtypes


def test_the_file_for_qonnx_lists_every_tensor_with_its_sides(anchor):
    """Its converter looks for the shape of what it turns into Quant before it infers any."""
    graph = read(target_file(anchor(3), TARGETS["qonnx"], SIZE)).graph
    made = {output for node in graph.node for output in node.output}
    listed = {each.name: each.type.tensor_type for each in (*graph.value_info, *graph.output)}
    assert set(listed) == made
    for each in listed.values():
        assert each.elem_type in {onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8, onnx.TensorProto.INT8}
        assert all(side.dim_value > 0 for side in each.shape.dim)
    kernels = [listed[f"{conv.name}.weight.real"].shape.dim for conv in anchor(3).convs]
    assert [[side.dim_value for side in each] for each in kernels] == [
        list(conv.weight_i8.shape) for conv in anchor(3).convs
    ]


def _of_a_scaled_picture(*between, source="scaled", negated=False):
    """A factor of the picture, its result added to a correction; what is between stands on its way."""
    layers = (
        Scale("scaled", "x", 115, 7, U7),
        *between,
        conv("correction", "x", np.eye(2)[..., None, None] * 9, S8),
        Add("y", (source, "correction"), PIXEL, negated=negated),
        conv("z", source, np.ones((2, 2, 3, 3)) * 21, S8, padding=Padding.ZERO),
    )
    return Network((Input("x", 2, PIXEL),), layers, outputs=("y", "z"))


@pytest.mark.parametrize("name", ["tensorrt", "vitis"])
@pytest.mark.parametrize(
    ("network", "less"),
    [
        (_of_a_scaled_picture(), {"scaled"}),
        (_of_a_scaled_picture(negated=True), {"scaled"}),
        (
            _of_a_scaled_picture(
                Reorder("turned", "scaled", np.array([1, 0], np.int32)),
                Clip("limited", "turned", 9, 100),
                source="limited",
            ),
            {"scaled", "turned", "limited"},
        ),
    ],
    ids=["added", "less a correction", "moved and limited"],
)
def test_a_factor_of_the_picture_is_a_convolution_and_less_the_half(name, network, less):
    file = target_file(network, TARGETS[name], SIZE)
    assert {"scaled: Scale as Conv 1x1"} <= set(file.rewritten)
    (said,) = [each for each in file.rewritten if each.startswith("codes less half of their range")]
    assert set(said.partition(": ")[2].split(", ")) == less
    every = np.arange(2 * 9 * 12, dtype=np.uint8).reshape(9, 12, 2)
    pictures = check_pictures(network, SIZE, [{"x": every}, {"x": every + 40}])
    found = check_file(file.for_clients, network, pictures)
    assert found["codes_differing"] == 0 < found["codes_compared"]


def test_a_factor_that_no_other_operand_fits_is_refused():
    """Taken away, the picture's half is missing in place of being there."""
    layers = (
        Scale("scaled", "x", 115, 7, U7),
        conv("correction", "x", np.eye(2)[..., None, None] * 9, S8),
        Add("y", ("correction", "scaled"), PIXEL, negated=True),
    )
    with pytest.raises(HwrtsError, match="--target tensorrt: layer 'y': Add of unsigned codes of 8 bits has"):
        target_file(Network((Input("x", 2, PIXEL),), layers), TARGETS["tensorrt"], SIZE)


@pytest.mark.parametrize(("low", "high"), [(10, 200), (0, 100), (130, 255)])
def test_limits_of_bytes_move_with_their_codes(low, high):
    layers = (Clip("c", "x", low, high), conv("y", "c", [[[[90]]]], S8))
    network = Network((Input("x", 1, PIXEL),), layers)
    file = target_file(network, TARGETS["tensorrt"], (16, 16))
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert check_file(file.for_clients, network, [{"x": every}])["codes_differing"] == 0


@pytest.mark.parametrize("name", TARGETS)
def test_each_file_gives_the_same_codes_in_onnx_runtime(anchor, picture, name):
    network = anchor(3)
    if TARGETS[name].around_zero:
        network = signed(network)
    file = target_file(network, TARGETS[name], SIZE)
    pictures = check_pictures(network, SIZE, [{"x": picture(30, 8)}])
    found = check_file(file.for_clients, network, pictures)
    assert {"photograph 0", "noise", "all lowest", "all highest", "checkerboard"} < set(pictures)
    assert sum("attack" in name for name in pictures) == 4
    height, width = network.size_of(network.output, *SIZE)
    assert found["codes_compared"] == len(pictures) * height * width * 3
    assert (found["codes_differing"], found["largest_difference"]) == (0, 0)
    model = read(file)
    for value in (*model.graph.input, *model.graph.output):
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        assert dims[0] == 1
        assert all(dims)
    kinds = {node.op_type for node in model.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= kinds
    assert ("Relu" in kinds) == (name != "verisilicon")
    assert "ConvInteger" not in kinds
    described = file.described()
    assert described["size"] == list(SIZE)
    assert described["operators"]["Conv"] == len(nodes_of(model, "Conv")) > 0
    assert all(
        maker(model, node.input[0]).op_type == "DequantizeLinear" for node in nodes_of(model, "Resize")
    )


BOUNDARY = {
    "onnx": onnx.TensorProto.UINT8,
    "qnn": onnx.TensorProto.UINT8,
    "iree": onnx.TensorProto.INT8,
    "openvino": onnx.TensorProto.UINT8,
    "verisilicon": onnx.TensorProto.UINT8,
    "tensorrt": onnx.TensorProto.INT8,
    "vitis": onnx.TensorProto.INT8,
    "qonnx": onnx.TensorProto.FLOAT,
    "rknn": onnx.TensorProto.UINT8,
}


@pytest.mark.parametrize("name", TARGETS)
def test_boundary_and_zero_points(anchor, name):
    network = anchor(1) if TARGETS[name].whole_bytes else signed(anchor(1))
    model = read(target_file(network, target_of(name), SIZE))
    ends = (*model.graph.input, *model.graph.output)
    assert {end.type.tensor_type.elem_type for end in ends} == {BOUNDARY[name]}
    zeros = {
        int(numpy_helper.to_array(each).ravel()[0])
        for each in model.graph.initializer
        if each.name.endswith(".zero_point") and ".weight" not in each.name and ".bias" not in each.name
    }
    wanted = {"iree": {-128, 0}, "tensorrt": {0}, "vitis": {0}, "qonnx": {0}}
    assert zeros == wanted.get(name, {0, 128})


def test_formats_of_fewer_bits_are_refused_where_they_are_other_codes(anchor):
    with pytest.raises(
        HwrtsError, match=r"--target verisilicon: tensor '\w+' has 7 bits.* 8 bits of activations"
    ):
        target_file(signed(anchor(1)), target_of("verisilicon"), SIZE)


@pytest.mark.parametrize("rule", Rounding)
def test_qdq_of_every_rule_holds_the_same_integers(anchor, picture, rule):
    even, network = anchor(2), anchor(2, rounding=rule)
    file = target_file(network, TARGETS["onnx"])
    assert not nodes_of(read(file), "ConvInteger")
    properties = {each.key: each.value for each in read(file).metadata_props}
    assert (properties["rounding"], properties["flavour"], properties["target"]) == (
        rule.value,
        "QDQ",
        "onnx",
    )
    fed = [{"x": picture(11, 14)}]
    found = check_file(file.for_clients, network, fed)
    assert found["codes_differing"] == 0
    own, theirs = run(network, fed[0]["x"]), run(even, fed[0]["x"])
    assert found["codes_that_its_rounding_changes"] == np.count_nonzero(own != theirs)
    assert (found["codes_that_its_rounding_changes"] > 0) == (rule is not Rounding.HALF_EVEN)


def test_the_file_of_every_day_is_what_the_defaults_write(anchor):
    network = anchor(0)
    assert to_qdq(network).SerializeToString() == to_onnx(network).SerializeToString()
    assert not nodes_of(to_onnx(network), "Relu")


def test_open_sizes_opset_and_ir(anchor):
    file = target_file(anchor(0), TARGETS["onnx"], opset=21, ir_version=10)
    model = read(file)
    dims = [dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert [dims[0], *dims[2:]] == ["N", "H", "W"]
    assert (model.opset_import[0].version, model.ir_version) == (21, 10)
    assert file.described()["size"] is None
    newest = onnx.defs.onnx_opset_version()
    for options, said in {
        ("opset", 12): f"--target onnx: --opset 12: use 13 to {newest}, or leave it out",
        ("opset", newest + 1): f"--target onnx: --opset {newest + 1}: use 13 to {newest}, or leave it out",
        ("ir_version", 3): f"--target onnx: --ir-version 3: use 4 to {onnx.IR_VERSION}, or leave it out",
    }.items():
        with pytest.raises(HwrtsError) as refused:
            target_file(anchor(0), TARGETS["onnx"], **dict([options]))
        assert str(refused.value) == said


def test_random_networks_in_every_opset():
    """ReduceMax has its axes as an attribute before opset 18."""
    module = _random_networks()
    networks = [under(module.random_network(seed), RoundingRules.of(Rounding.HALF_EVEN)) for seed in range(8)]
    networks += [Network(GREY, (Maximum("y", "x", over),)) for over in Over]
    for seed, (network, opset) in enumerate(zip(networks, [13, 17, 18, 21] * 3, strict=True)):
        size = network.legal_size(12, 12)
        file = target_file(network, TARGETS["onnx"], size, opset=opset)
        found = check_file(file.for_clients, network, check_pictures(network, size, []))
        assert (file.described()["opset"], found["codes_differing"]) == (opset, 0), (seed, opset)


def test_depth_to_space_has_filters_in_its_order(anchor):
    network = anchor(4)
    assert set(turned(network)) == {"correction", "ext_x", "ext_r"}
    order = depth_first(3, 2)
    assert order.tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    model = read(target_file(network, TARGETS["iree"], SIZE))
    (shuffle,) = nodes_of(model, "DepthToSpace")
    assert {each.name: onnx.helper.get_attribute_value(each) for each in shuffle.attribute}["mode"] == b"DCR"
    assert not nodes_of(model, "Gather")
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    ext = network.layer("ext_x")
    assert np.array_equal(weights["ext_x.weight"], ext.weight_i8[order])
    assert np.array_equal(weights["ext_x.bias"], ext.bias_i32[order])


def test_a_tensor_that_others_see_is_put_in_order_by_gather():
    rng = np.random.default_rng(5)
    weight = rng.integers(-9, 9, (4, 1, 3, 3))
    layers = (
        conv("c", "x", weight, S8),
        DepthToSpace("up", "c", 2),
        conv("d", "c", weight[:1].repeat(4, 1), S8),
    )
    network = Network((Input("x", 1, PIXEL),), layers, outputs=("up", "d"))
    file = target_file(network, TARGETS["iree"], (5, 6))
    assert len(nodes_of(read(file), "Gather")) == 1
    found = check_file(file.for_clients, network, check_pictures(network, (5, 6), []))
    assert found["codes_differing"] == 0


def test_around_zero_by_hand():
    """Bias 100 + 128 * (2 - 1) - (128 << 3), and outside the picture the code -128."""
    layer = conv("c", "x", [[[[2, -1, 0]]]], PIXEL, frac=3, bias=100)
    network = Network((Input("x", 1, PIXEL),), (layer,))
    moved, less = around_zero(network)
    assert (moved.layers[0].bias_i32.tolist(), less) == ([100 + 128 - 1024], {"x": 128, "c": 128})
    assert (moved.inputs[0].out, moved.layers[0].out) == (Format(True, 8, 8), Format(True, 8, 8))
    file = target_file(network, TARGETS["tensorrt"], (1, 2))
    assert file.options.edges == (("x", -128),)
    picture = np.array([[[10], [200]]], np.uint8)
    # 100 - 10 = 90 -> 11.25; 2 * 10 - 200 + 100 = -80 -> 0
    assert run(network, picture).ravel().tolist() == [11, 0]
    assert check_file(file.for_clients, network, [{"x": picture}])["codes_differing"] == 0
    assert file.zeros == {"x": -128, "c": -128}
    assert file.for_clients.stored({"x": picture})["x"].ravel().tolist() == [10 - 128, 200 - 128]


ONE = np.ones((1, 1, 1, 1))
GREY = (Input("x", 1, PIXEL),)


def table(name, source):
    return Lookup(name, source, np.arange(256, dtype=np.int16), PIXEL)


REFUSED = {
    "no size": ("qnn", GREY, (conv("c", "x", ONE, S8),), None, "takes no open height and width; add --size"),
    "table": (
        "rknn",
        GREY,
        (table("t", "x"),),
        SIZE,
        "layer 't' is a Lookup, which has no exact form for it",
    ),
    "two limits": (
        "verisilicon",
        GREY,
        (Clip("c", "x", 16, 235),),
        SIZE,
        "layer 'c' is a Clip on both sides, which has no exact form for it; limit one side, or use --target",
    ),
    "bicubic on another NPU": (
        "verisilicon",
        GREY,
        (Upsample("u", "x", "bicubic", 2, PIXEL),),
        SIZE,
        "is a Upsample, which has no exact form for it; interpolate bilinearly by 2, 4 or 8, or use --target",
    ),
    "table on another NPU": (
        "verisilicon",
        GREY,
        (table("t", "x"),),
        SIZE,
        "layer 't' is a Lookup, which has no exact form for it; train with a ReLU or a leaky ReLU in its",
    ),
    "bicubic": (
        "qnn",
        GREY,
        (Upsample("u", "x", "bicubic", 2, PIXEL),),
        SIZE,
        "is a Upsample, which has no exact form for it; interpolate bilinearly by 2, 4 or 8, or use --target",
    ),
    "mean": (
        "qonnx",
        GREY,
        (GlobalAverage("m", "x", PIXEL),),
        SIZE,
        "layer 'm' is a GlobalAverage",
    ),
    "product": (
        "tensorrt",
        GREY,
        (Multiply("p", ("x", "x"), PIXEL),),
        SIZE,
        "layer 'p': Multiply of",
    ),
    "sum": ("tensorrt", GREY, (Add("s", ("x", "x"), PIXEL),), SIZE, "quantize with --activation-bits 7"),
    "channels": (
        "vitis",
        GREY,
        (replace(conv("c", "x", np.ones((2, 1, 1, 1)), S8), weight_frac=np.array([6, 7], np.int32)),),
        SIZE,
        "layer 'c' is a Conv whose channels have grids of weights of their own, it takes one for all",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_name_target_layer_and_what_to_do(what):
    name, inputs, layers, size, said = REFUSED[what]
    with pytest.raises(HwrtsError) as refused:
        target_file(Network(inputs, layers), TARGETS[name], size)
    text = str(refused.value)
    assert text.startswith(f"--target {name}: ")
    assert said in text
    assert "\n" not in text


def test_rules_that_depend_on_the_sign_have_no_form_around_zero():
    network = Network(GREY, (conv("c", "x", ONE, S8),), Rounding.HALF_AWAY)
    with pytest.raises(HwrtsError, match="depends on the sign"):
        target_file(network, TARGETS["tensorrt"], SIZE)


def test_an_unknown_target_names_all():
    with pytest.raises(HwrtsError, match="'qmm': there is none of that name; use onnx, qnn"):
        target_of("qmm")


def test_a_size_that_the_network_does_not_take():
    layer = conv("c", "x", np.ones((1, 1, 2, 2)), S8, stride=2, pads=(0, 0, 0, 0))
    with pytest.raises(HwrtsError, match="size 5x6: the network does not take it; use 6x6"):
        target_file(Network(GREY, (layer,)), TARGETS["onnx"], (5, 6))


def test_a_wrong_file_is_caught(anchor):
    network = anchor(0)
    file = target_file(network, TARGETS["onnx"], SIZE)
    model = read(file)
    (bias,) = [each for each in model.graph.initializer if each.name == "residual.bias"]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 4096, bias.name))
    found = checked(replace(file, model=model.SerializeToString()), [])
    assert differing(found) > 0
    assert found["checks"][0]["largest_difference"] > 0


def test_nothing_to_compare_is_an_error(anchor):
    file = target_file(anchor(0), TARGETS["onnx"], SIZE)
    with pytest.raises(HwrtsError, match="nothing to compare"):
        check_file(file.for_clients, file.network, [])


def test_qnn_ends_narrow_formats_by_operators_that_it_keeps():
    """A Clip with one limit at an end of a byte is left out there: unsigned codes end at a byte's own end."""
    layers = (conv("c", "x", ONE, Format(False, 6, 6)), conv("y", "c", ONE, Format(True, 6, 6)))
    file = target_file(Network(GREY, layers), TARGETS["qnn"], SIZE)
    model = read(file)
    (clip,) = nodes_of(model, "Clip")
    assert clip.output == ["y.within"]
    assert maker(model, clip.input[0]).op_type == "DequantizeLinear"
    assert next(node for node in model.graph.node if clip.output[0] in node.input).op_type == "QuantizeLinear"
    zeros = {
        each.name: numpy_helper.to_array(each).item() for each in model.graph.initializer if not each.dims
    }
    assert (zeros["c.zero_point"], zeros["y.zero_point"]) == (255 - 63, 128)
    assert maker(model, maker(model, "c").input[0]).op_type == "Relu"
    assert [each.input[2] for each in nodes_of(model, "QuantizeLinear")[:2]] == ["c.zero_point"] * 2


def test_qnn_adds_grids_that_are_near_or_onto_a_coarse_one():
    coarse = conv("c", "x", ONE, Format(True, 8, 2))
    near = Add("s", ("x", "c"), Format(True, 8, 6)), Add("t", ("c", "s"), Format(True, 8, 9))
    assert target_file(Network(GREY, (coarse, *near)), TARGETS["qnn"], SIZE).model


def test_under_a_clients_rules():
    network = Network(GREY, (conv("c", "x", ONE, S8),))
    assert under(network, None) is network
    up = under(network, RoundingRules(Rounding.HALF_UP, Rounding.FLOOR))
    assert (up.rounding, up.rules.additions) == (Rounding.HALF_UP, Rounding.FLOOR)


def test_padding_of_zeros_and_replicated_edges_as_codes_of_signed_bytes():
    rng = np.random.default_rng(7)
    layers = (
        conv("a", "x", rng.integers(-9, 9, (2, 1, 3, 3)), PIXEL),
        conv("b", "a", rng.integers(-9, 9, (1, 2, 3, 3)), PIXEL, padding=Padding.REPLICATE),
    )
    network = Network(GREY, layers)
    for name in ("tensorrt", "vitis", "iree", "qonnx"):
        file = target_file(network, TARGETS[name], SIZE)
        found = check_file(file.for_clients, network, check_pictures(network, SIZE, []))
        assert found["codes_differing"] == 0, name


def _random_networks():
    path = Path(__file__).parents[1] / "fixed_point/random_networks.py"
    spec = importlib.util.spec_from_file_location("random_networks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["onnx", "iree", "qnn", "qonnx"])
def test_random_networks(name):
    """Every operator in every way to write it; half to even, as ONNX Runtime rounds."""
    module, done, refused = _random_networks(), 0, []
    for seed in range(60):
        network = under(module.random_network(seed), RoundingRules(Rounding.HALF_EVEN, Rounding.HALF_EVEN))
        size = network.legal_size(12, 12)
        try:
            file = target_file(network, TARGETS[name], size)
        except HwrtsError as error:
            refused.append(str(error))
            continue
        found = check_file(file.for_clients, network, check_pictures(network, size, []))
        assert found["codes_differing"] == 0, seed
        done += 1
    assert done >= 20
    assert all(said.startswith(f"--target {name}: ") for said in refused)


HARD = {
    "table of signed bytes": (
        "iree",
        lambda: (Lookup("y", "x", np.arange(255, -1, -1, dtype=np.int16), PIXEL),),
    ),
    "table around 128": (
        "tensorrt",
        lambda: (table("t", "x"), Lookup("y", "t", np.arange(255, -1, -1, dtype=np.int16) // 2, U7)),
    ),
    "table of real values": (
        "qonnx",
        lambda: (conv("c", "x", ONE, S8), Lookup("y", "c", np.arange(256, dtype=np.int16) - 128, S8)),
    ),
    "interpolation around 128": ("onnx", lambda: (Upsample("y", "x", "bicubic_075", 2, PIXEL),)),
    "the same in int8": ("iree", lambda: (Upsample("y", "x", "bicubic_075", 2, PIXEL),)),
    "6 bits, zero point 0": (
        "tensorrt",
        lambda: (conv("c", "x", 99 * ONE, Format(False, 6, 7)), conv("y", "c", 3 * ONE, S8)),
    ),
    "6 bits that saturate": ("tensorrt", lambda: (conv("y", "x", 99 * ONE, Format(False, 6, 6), frac=5),)),
    "signed ones that make bytes": (
        "tensorrt",
        lambda: (
            conv("c", "x", ONE, S8),
            conv("d", "x", -3 * ONE, Format(True, 8, 8)),
            Add("y", ("c", "d"), PIXEL),
        ),
    ),
    "narrow ones that make bytes less each other": (
        "vitis",
        lambda: (
            conv("c", "x", ONE, Format(True, 7, 6)),
            conv("d", "x", -3 * ONE, Format(True, 7, 7)),
            Add("y", ("c", "d"), PIXEL, negated=True),
        ),
    ),
    "6 bits with a sign": ("qonnx", lambda: (conv("y", "x", -99 * ONE, Format(True, 6, 5), frac=5),)),
}


@pytest.mark.parametrize("what", HARD)
def test_hard_cases_on_every_byte(what):
    name, layers = HARD[what]
    network = Network(GREY, layers())
    file = target_file(network, TARGETS[name], (16, 16))
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    found = check_file(file.for_clients, network, [{"x": every}, {"x": every[::-1, ::-1].copy()}])
    assert found["codes_differing"] == 0


@pytest.mark.parametrize(
    ("frac", "low", "high", "in_real"),
    [(22, -127, 127, True), (23, -127, 127, False), (23, -126, 127, True), (24, -126, 127, False)],
)
def test_limits_that_onnx_runtime_takes_for_none_are_of_bytes(frac, low, high, in_real):
    """It leaves a Clip out whose ends are within 2**-23 of those of QuantizeLinear."""
    signed = Format(True, 8, frac)
    network = Network((Input("x", 1, signed),), (Clip("y", "x", low, high),))
    file = target_file(network, TARGETS["onnx"], (16, 16))
    assert ("DequantizeLinear" in file.described()["operators"]) is in_real
    every = np.arange(-128, 128, dtype=np.int8).reshape(16, 16, 1)
    assert check_file(file.for_clients, network, [{"x": every}])["codes_differing"] == 0


def test_a_float_file_has_the_weights_it_is_given(anchor):
    network = anchor(0)
    weights = {
        each.name: (each.weight_i8 / 1024 + 0.001, np.zeros(len(each.weight_i8))) for each in network.convs
    }
    model = float_model(network, weights, SIZE)
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {"Conv", "Add", "Relu", "DepthToSpace", "Resize"}
    held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    assert np.array_equal(held["first.weight.real"], weights["first"][0].astype(np.float32))
    ends = [(end.name, end.type.tensor_type.elem_type) for end in (*model.graph.input, *model.graph.output)]
    assert ends == [("x.float", onnx.TensorProto.FLOAT), (f"{network.output}.real", onnx.TensorProto.FLOAT)]


def test_a_float_file_has_slopes_factors_and_limits_as_they_were():
    """Rounded ones made 10 of 22 million values of a trained network others, by up to 0.0018."""
    layers = (
        PRelu("leak", "x", np.array([32], np.int8), 7, S8),
        Scale("half", "leak", 77, 7, S8),
        Clip("six", "x", 0, 255),
        Add("sum", ("half", "six"), S8),
    )
    numbers = {"leak": np.array([0.3]), "half": np.array(0.6), "six": np.array([-np.inf, 0.7])}
    model = float_model(Network(GREY, layers), {}, SIZE, numbers=numbers)
    held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    found = {name: held[name].tolist() for name in ("leak.slope.real", "half.multiplier.real", "six.high")}
    assert found == {
        "leak.slope.real": [[[np.float32(0.3)]]],
        "half.multiplier.real": np.float32(0.6),
        "six.high": np.float32(0.7),
    }
    (clip,) = nodes_of(model, "Clip")
    assert list(clip.input) == ["x.float", "six.low", "six.high"]


def test_a_float_file_of_whole_numbers_is_refused():
    with pytest.raises(HwrtsError, match="--target float: layer 't' is a Lookup, which has no form in real"):
        float_model(Network(GREY, (table("t", "x"),)), {})


@pytest.mark.parametrize("out", [S8, PIXEL], ids=["signed", "unsigned"])
def test_one_bias_for_all_channels_is_exact_in_openvino(out):
    """It is made a part of the quantiser otherwise: 255 * (2^17 - 6637) is more than float32 holds."""
    if client_of("openvino").python is None:
        pytest.skip("openvino is not installed")
    weight = np.random.default_rng(0).integers(-9, 10, (3, 3, 5, 5)).astype(np.int8)
    bias = -6637 if out.signed else 100001
    network = Network((Input("x", 3, PIXEL),), (conv("c", "x", weight, out, out.frac + 2, bias),))
    target, size = TARGETS["openvino"], (72, 120)
    pictures = check_pictures(network, size, [])
    plain = replace(target, options=replace(target.options, bias_apart=False))
    for each, exact in ((target, True), (plain, False)):
        file = target_file(network, each, size).for_clients
        assert check_file(file, network, pictures)["codes_differing"] == 0
        assert (check_file(file, network, pictures, "openvino")["codes_differing"] == 0) is exact


def test_openvino_sees_convolutions_behind_limits_that_an_addition_reads():
    """A Clip to the ends of a byte is a Relu that OpenVINO drops, and the sum was fused: 10 % of codes."""
    layers = (
        conv("a", "x", ONE, PIXEL),
        conv("b", "x", ONE, PIXEL),
        conv("c", "x", ONE, PIXEL),
        Clip("six", "a", 0, 255),
        Clip("seven", "six", 0, 254),
        Add("sum", ("seven", "b"), PIXEL),
        Add("all", ("sum", "c"), PIXEL),
    )
    file = target_file(Network(GREY, layers), TARGETS["openvino"])
    assert file.options.shown == ("a", "b", "c")


def test_a_client_that_is_not_installed_is_said(anchor, monkeypatch, tmp_path):
    monkeypatch.setenv("HWRTS_TARGETS", str(tmp_path))
    if client_of("qnn").python is not None:
        pytest.skip("qnn is installed")
    found = checked(target_file(anchor(0), TARGETS["qnn"], SIZE), [])
    assert len(found["checks"]) == 1
    assert found["not_run"] == [
        "qnn: is not installed, so the file was not run in it; pip install hwrts[qnn], or make targets and "
        "set HWRTS_TARGETS to the folder of its environments"
    ]


def test_options_alone():
    network = Network(GREY, (conv("c", "x", ONE, S8, bias=1 << 24),))
    with pytest.raises(HwrtsError, match=r"layer 'c': a bias of 2\*\*24 or more is not exact"):
        to_qdq(network, QdqOptions(float_bias=True))
    with pytest.raises(HwrtsError, match="tensor 'x': unsigned codes of 8 bits"):
        to_qdq(network, QdqOptions(stored=Stored.SYMMETRIC))
