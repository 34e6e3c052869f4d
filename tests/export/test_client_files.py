"""Files that are said to be a network: read, compared, and the layer named that is another."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwrts.export.clients import ONNXRUNTIME, client_of, compared, run_file, under
from hwrts.export.clients.layers import first_layer
from hwrts.export.clients.read import read_file
from hwrts.export.depth_first import depth_first
from hwrts.export.onnx_writer import to_onnx
from hwrts.export.targets import TARGETS, check_pictures, target_file
from hwrts.export.targets.float_file import float_model
from hwrts.export.tflite import Flavour, to_tflite
from hwrts.fixed_point import HwrtsError, Rounding, RoundingRules, run_all

from ..fixed_point.random_networks import random_network
from .known_bad import BAD
from .test_targets import signed

SIZE = (24, 40)


def pictures_of(network, size=SIZE):
    return check_pictures(network, size, [])


@pytest.mark.parametrize("name", [*TARGETS, "tflite", "ethos-u"])
def test_ends_and_size_are_those_that_were_written(anchor, name):
    network = anchor(3)
    if name in TARGETS:
        network = signed(network) if TARGETS[name].around_zero else network
        file = target_file(network, TARGETS[name], SIZE).for_clients
    else:
        file = to_tflite(network, SIZE, Flavour(name)).for_clients
    read = read_file(file.model, network)
    assert (read.file, read.size, read.target) == (file, SIZE, name)
    assert not read.rounds_itself
    assert {end.tensor for end in read.inner} >= {"first", "sum", "residual", "correction", "shuffle"}


@pytest.mark.parametrize("name", TARGETS)
def test_layers_that_a_file_shows_are_the_networks(anchor, name):
    """Whatever their zero point, their type and the order of their channels is."""
    network = signed(anchor(3)) if TARGETS[name].around_zero else anchor(3)
    read = read_file(target_file(network, TARGETS[name], SIZE).model, network)
    rows, _ = compared(read.shown(read.inner), network, pictures_of(network))
    assert len(rows) == len(network.layers)
    assert sum(row.mismatches for row in rows) == 0


@pytest.mark.parametrize(
    ("seed", "name"), [(3, "qnn"), (5, "qnn"), (52, "qnn"), (11, "iree"), (13, "openvino")]
)
def test_layers_of_random_networks(seed, name):
    """Narrow formats too, which end where bytes do in the file for HTP: zero points of their own."""
    network = under(random_network(seed, several=bool(seed % 2)), RoundingRules.of(Rounding.HALF_EVEN))
    size = network.legal_size(12, 12)
    file = target_file(network, TARGETS[name], size)
    read = read_file(file.model, network)
    assert read.file == file.for_clients
    rows, _ = compared(read.shown(read.inner), network, pictures_of(network, size))
    assert sum(row.mismatches for row in rows) == 0


@pytest.mark.parametrize("rule", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_the_file_of_every_day_rounds_itself(anchor, rule):
    network = anchor(1, rounding=rule)
    read = read_file(to_onnx(network).SerializeToString(), network)
    assert (read.size, read.target, read.rounds_itself) == (None, None, rule is Rounding.HALF_UP)
    rows, _ = compared(read.shown(read.inner), network, pictures_of(network))
    assert (len(rows), sum(row.mismatches for row in rows)) == (len(network.layers), 0)


def test_ends_of_other_names_and_channels_last(anchor):
    """As other exporters write it: found by their places, and by where the channels are."""
    network = anchor(0)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["inside" if name == "x" else name for name in node.input]
        node.output[:] = ["made" if name == "picture" else name for name in node.output]
    graph.node.insert(0, helper.make_node("Transpose", ["picture_in"], ["inside"], perm=[0, 3, 1, 2]))
    graph.node.append(helper.make_node("Transpose", ["made"], ["picture_out"], perm=[0, 2, 3, 1]))
    sides = [(1, *SIZE, 3), (1, 2 * SIZE[0], 2 * SIZE[1], 3)]
    for end, name, shape in ((graph.input, "picture_in", sides[0]), (graph.output, "picture_out", sides[1])):
        del end[:]
        end.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
    read = read_file(model.SerializeToString(), network)
    assert [end.channels_last for end in (*read.file.inputs, *read.file.outputs)] == [True, True]
    rows, _ = compared(read.file, network, pictures_of(network))
    assert rows[0].compared > 0
    assert rows[0].mismatches == 0


def found(model, network):
    """The first layer that ONNX Runtime computes otherwise, and how its layers were seen."""
    read, pictures = read_file(model, network), pictures_of(network)
    layers = first_layer(read, network, ("noise", pictures["noise"]), ONNXRUNTIME)
    assert layers.first is not None
    return layers


@pytest.mark.parametrize("layer", ["first", "second", "residual", "ext_x", "ext_r"])
def test_one_flipped_bit_of_a_weight_names_its_layer(anchor, layer):
    network = anchor(2)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    (weight,) = [each for each in model.graph.initializer if each.name == f"{layer}.weight"]
    codes = numpy_helper.to_array(weight).copy()
    codes[1, 0, 0, 0] ^= 64
    weight.CopyFrom(numpy_helper.from_array(codes, weight.name))
    layers = found(model.SerializeToString(), network)
    first = layers.first
    assert (first.layer, first.first.index[2], first.first.stimulus) == (layer, 1, "noise")
    rows = {row.layer: row for row in layers.rows}
    assert 0 < rows[layer].mismatches <= rows[layer].compared / len(codes)  # of that channel alone
    assert rows["picture"].mismatches > 0
    assert "all layers" in layers.how


@pytest.mark.parametrize("layer", ["second", "sum", "residual", "correction"])
def test_another_rounding_of_one_layer_names_it(anchor, layer):
    """Its QuantizeLinear gets half a code less: half to even becomes nearly floor, by 1 at most."""
    network = anchor(2)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    graph = model.graph
    place = next(i for i, node in enumerate(graph.node) if node.output[0] == layer)
    half = np.float32(np.ldexp(-0.5, -network.formats[layer].frac))
    graph.initializer.append(numpy_helper.from_array(np.array(half), "half"))
    graph.node.insert(place, helper.make_node("Add", [graph.node[place].input[0], "half"], ["less"]))
    graph.node[place + 1].input[0] = "less"
    layers = found(model.SerializeToString(), network)
    assert (layers.first.layer, layers.first.largest) == (layer, 1)
    assert layers.first.first.expected - layers.first.first.found == 1


def test_a_shift_that_is_off_by_one_names_its_layer(anchor):
    """Of the file that rounds by its own nodes: the factor that drops the bits."""
    network = anchor(2, rounding=Rounding.HALF_UP)
    model = to_onnx(network)
    (factor,) = [each for each in model.graph.initializer if each.name == "second.factor"]
    factor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(factor) / 2, factor.name))
    assert found(model.SerializeToString(), network).first.layer == "second"


def test_a_client_that_keeps_apart_what_is_shown_is_asked_layer_by_layer(anchor, monkeypatch):
    """A stand-in for OpenVINO's fusion: right where the convolution that the sum reads is shown."""
    from hwrts.export.clients import check

    network = anchor(2)
    read = read_file(target_file(network, TARGETS["onnx"], SIZE).model, network)

    def fusing(file, pictures, client):
        made, version = run_file(file, pictures)
        asked = {end.tensor for end in file.outputs}
        if "residual" not in asked:
            made = [
                {name: codes ^ (name in ("ext_r", "picture")) for name, codes in each.items()}
                for each in made
            ]
        return made, version

    monkeypatch.setattr(check, "run_file", fusing)
    counted = []
    layers = first_layer(
        read,
        network,
        ("noise", pictures_of(network)["noise"]),
        ONNXRUNTIME,
        lambda i, said: counted.append(i),
    )
    assert layers.first.layer == "ext_r"
    assert "residual" not in {row.layer for row in layers.rows}
    assert "each layer as the output of a copy of its own" in layers.how
    assert counted == sorted(counted)


def test_a_file_that_holds_no_layer_by_its_name(anchor):
    network = anchor(2)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    kept = {"x", "picture", *(each.name for each in model.graph.initializer)}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in kept or not name else f"their {name}" for name in names]
    (bias,) = [each for each in model.graph.initializer if each.name == "residual.bias"]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 4096, bias.name))
    layers = found(model.SerializeToString(), network)
    assert (layers.first.layer, "no layer of the network by its name" in layers.how) == ("picture", True)


def renamed(network, **fields):
    return replace(network, inputs=(replace(network.inputs[0], **fields),), like=None)


def of_grey(anchor):
    network = anchor(0)
    return replace(network, layers=network.layers[:2], outputs=("second",), like=None)


def test_refusals_say_what_is_another(anchor):
    network = anchor(0)
    model = target_file(network, TARGETS["onnx"], SIZE).model
    small = of_grey(anchor)
    tflite = to_tflite(network, SIZE).model
    coarser = network.exchanged(
        replace(network.layer("picture"), out=replace(network.layer("picture").out, frac=7))
    )
    for payload, of, said in (
        (b"", network, "is no ONNX or TensorFlow Lite file, or cut short"),
        (b"no file at all", network, "is no ONNX or TensorFlow Lite file, or cut short"),
        (model[: len(model) // 2], network, "is no ONNX or TensorFlow Lite file, or cut short"),
        (tflite[:300], network, "is no TensorFlow Lite file of one graph, or cut short"),
        (model, small, "'picture' has 3 channels where 'second' of the network has 5"),
        (tflite, small, "'picture' has 3 channels where 'second' of the network has 5"),
        (model, coarser, "'picture' has scale 0.00390625 where 'picture' of the network has 2^-7"),
        (tflite, coarser, "'picture' has scale 0.00390625 where 'picture' of the network has 2^-7"),
        (float_model(network, {}, SIZE).SerializeToString(), network, "holds real values and no codes"),
    ):
        with pytest.raises(HwrtsError) as refused:
            read_file(payload, of)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


def test_more_ends_than_the_network_has(anchor):
    network = anchor(0)
    two = replace(network, outputs=("residual", "picture"), like=None)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    model.graph.output[0].name = "their"
    model.graph.node.append(helper.make_node("Identity", ["picture"], ["their"]))
    with pytest.raises(
        HwrtsError, match=r"has 1 outputs \(their\) where the network has 2 \(residual, picture\)"
    ):
        read_file(model.SerializeToString(), two)


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_what_is_cut_short_anywhere_is_refused(anchor, kind):
    network = anchor(0)
    model = (
        target_file(network, TARGETS["onnx"], SIZE).model
        if kind == "onnx"
        else to_tflite(network, SIZE).model
    )
    for length in np.linspace(0, len(model) - 1, 40).astype(int):
        try:
            read_file(model[:length], network)
        except HwrtsError:
            continue
        assert kind == "tflite"  # the weights of a file of that format may be at its end


@pytest.mark.parametrize(
    "damage", [{"raw_data": bytes(8)}, {"data_type": 65}], ids=["more numbers", "no type"]
)
def test_an_initializer_of_more_numbers_than_its_sides_say(anchor, damage):
    network = anchor(0)
    model = onnx.load_from_string(target_file(network, TARGETS["onnx"], SIZE).model)
    scales = {node.input[1] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for each in model.graph.initializer:
        if each.name in scales and not each.dims:
            for field, value in damage.items():
                setattr(each, field, value)
    with pytest.raises(HwrtsError, match="has a damaged initializer"):
        read_file(model.SerializeToString(), network)


def test_tables_of_a_tensorflow_lite_file_that_point_beyond_it_are_refused(anchor):
    network = anchor(0)
    model = to_tflite(network, SIZE).model
    beyond = len(model).to_bytes(4, "little")
    refused = 0
    for place in range(0, 4000, 4):  # where its tables stand
        try:
            read_file(model[:place] + beyond + model[place + 4 :], network)
        except HwrtsError:
            refused += 1
    assert refused > 100


def test_a_client_takes_one_kind_of_file(anchor):
    network = anchor(0)
    with pytest.raises(HwrtsError, match="litert: takes tflite files, and this is onnx; use another client"):
        run_file(target_file(network, TARGETS["onnx"], SIZE).for_clients, [], "litert")
    with pytest.raises(
        HwrtsError, match="client 'chip': there is none of that name; use onnxruntime, openvino"
    ):
        client_of("chip")


@pytest.mark.parametrize("what", BAD)
def test_what_one_client_computes_wrong_is_right_in_another(anchor, what):
    """In the first it is exit code 1: tests/cli/test_verify_client.py."""
    make, client, right = BAD[what]
    if client_of(right).python is None:
        pytest.skip(f"{right} is not installed: make targets, or pip install hwrts[{right}]")
    network = anchor(6)
    file = make(network, SIZE)
    assert read_file(file.model, network).file == file
    assert client_of(client).takes == file.takes
    rows, _ = compared(file, under(network, client_of(right).rules), pictures_of(network), right)
    assert sum(row.mismatches for row in rows) == 0


@pytest.mark.parametrize(
    ("client", "first"),
    [
        ("litert", "second"),
        ("litert-reference", "second"),
        ("tflite-micro", "second"),
        ("tosa-double", "second"),
    ],
)
def test_layers_of_a_tensorflow_lite_file_are_shown(anchor, client, first):
    """A copy with another list of outputs behind it: each layer is the network's; a wrong one is named."""
    if client_of(client).python is None:
        pytest.skip(
            f"{client} is not installed: make targets, or pip install hwrts[{client_of(client).environment}]"
        )
    network = under(anchor(2), client_of(client).rules)
    pictures = pictures_of(network)
    read = read_file(to_tflite(network, SIZE).model, network)
    rows, _ = compared(read.shown(read.inner), network, pictures, client)
    assert (len(rows), sum(row.mismatches for row in rows)) == (len(network.layers), 0)
    layer, codes = network.layer(first), run_all(network, pictures["noise"])
    wrong = network.exchanged(layer.corrupted([codes[name] for name in layer.sources], codes[first]))
    read = read_file(to_tflite(wrong, SIZE).model, network)
    layers = first_layer(read, network, ("noise", pictures["noise"]), client)
    assert layers.first.layer == first


def test_the_copy_that_shows_layers_is_the_file_with_other_outputs(anchor):
    network = anchor(2)
    model = to_tflite(network, SIZE).model
    read = read_file(model, network)
    orders = {end.tensor: end.order for end in read.inner}
    assert orders["first"] is None
    assert orders["ext_x"] == orders["correction"] == tuple(depth_first(3, 2).tolist())
    copy = read.shown(read.inner[:2])
    assert sum(a != b for a, b in zip(model, copy.model, strict=False)) <= 4  # where its outputs stand
    everything = replace(network, outputs=("picture", "first", "second"), like=None)
    again = read_file(copy.model, everything)
    assert [end.name for end in again.file.outputs] == ["picture", "first", "second"]
    fewer = read_file(copy.model, network)  # outputs are told apart by their places alone
    assert [end.name for end in fewer.file.outputs] == ["picture"]
    assert len(read_file(fewer.file.model, network).file.outputs) == 1
    assert fewer.file.model != copy.model
