"""Hidden tensors of their own width: which they are, and that narrow ones are exact everywhere."""

import json

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.config.network import NetworkName
from hwrts.cost.extremes import untrained_formats
from hwrts.cost.network import in_form, network_cost, widths_cost
from hwrts.export import to_onnx, verify
from hwrts.graph import Graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.hidden import hidden_tensors, inner_bits
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import widths_of
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised, start_qat

WIDE = {
    "residual": {"conv_out", "conv_ext_x", "conv_ext_r", "correction"},
    "quicksrnet": set(),  # its last convolution is the picture
    "srresnet": {"conv_out"},  # what it adds to the picture that it carries
    "sesr": {"conv_out"},
    "edsr": {"blocks_1_conv2", "add_1", "conv_mid", "add_2", "up_0", "conv_out"},  # up to the last ReLU
    "imdn": {"blocks_1_conv4", "cat_1", "blocks_1_fuse", "add_1", "conv_mid", "add_2"},
}


def traced(name: NetworkName) -> Graph:
    """Untrained, of two blocks where it has many."""
    blocks = 2 if name in ("edsr", "imdn", "srresnet") else None
    return trace(build_network(NetworkConfig(name=name, channels=8, blocks=blocks)).eval())


def deployed(name: NetworkName, *, same_size: bool = False) -> Graph:
    return deploy_form(traced(name), same_size=same_size)


@pytest.mark.parametrize("name", WIDE)
def test_what_sums_make_the_picture_of_is_not_hidden(name):
    graph = deployed(name)
    pictures = graph.picture_formats(graph.pixel_ends())
    inner = {node.name for node in graph.quantised_nodes()} - set(pictures)
    hidden = hidden_tensors(graph, pictures)
    assert inner - hidden == WIDE[name]
    assert not hidden & set(pictures)
    assert hidden >= inner & graph.non_negative()


def test_of_the_same_size_form_as_well():
    graph = deployed("residual", same_size=True)
    found = inner_bits(graph, graph.picture_formats(graph.pixel_ends()), 8, 4)
    assert {name for name, bits in found.items() if bits == 8} == {
        "conv_out",
        "fold_x",
        "fold_r",
        "correction",
    }
    assert {name for name, bits in found.items() if bits == 4} == {"conv_in", "conv_0", "add"}


@pytest.mark.parametrize(("inner", "hidden", "found"), [(8, None, 8), (8, 3, 3), (6, 8, 6), (5, 5, 5)])
def test_the_width_of_all_tensors_is_the_most(inner, hidden, found):
    graph = deployed("residual")
    formats = untrained_formats(graph, inner, hidden)
    assert (formats["conv_in"].bits, formats["add"].bits) == (found, found)
    assert (formats["conv_out"].bits, formats["correction"].bits) == (inner, inner)
    assert (formats["x"].bits, formats["picture"].bits) == (8, 8)


@pytest.mark.parametrize(
    ("name", "hidden_bits"), [("residual", 4), ("residual", 2), ("edsr", 3), ("srresnet", 4), ("imdn", 6)]
)
def test_all_witnesses_agree(name, hidden_bits, tmp_path, picture):
    torch.manual_seed(0)
    qat = QatConfig(weight_bits=4, hidden_bits=hidden_bits)
    quantised = start_qat(traced(name), qat, lambda step: torch.rand(1, 3, 16, 16), Silent()).eval()
    graph, network = quantised.graph, quantised.lower()
    hidden = hidden_tensors(graph, graph.picture_formats(graph.pixel_ends()))
    assert hidden
    for node in graph.quantised_nodes():
        assert network.formats[node.name].bits == (hidden_bits if node.name in hidden else 8), node.name
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"noise": picture(13, 11)},
        [TorchWitness(quantised, network)],
    )
    assert verdict.passed, verdict
    stage = StageFolder(tmp_path)
    save_quantised(stage, quantised)
    again = load_quantised(stage).lower()
    assert again.formats == network.formats
    for one, other in zip(again.convs, network.convs, strict=True):
        np.testing.assert_array_equal(one.weight_i8, other.weight_i8)


def test_narrow_tensors_need_less_line_memory_before_and_after_training():
    model = build_network(NetworkConfig(channels=8)).eval()
    graph = in_form(trace(model), "x2")
    qat = QatConfig(hidden_bits=4)
    wide, narrow = (widths_cost(graph, widths_of(graph, qat), 8, bits) for bits in (None, 4))
    quantised = start_qat(trace(model), qat, lambda step: torch.rand(1, 3, 16, 16), Silent())
    lines = [sum(layer.line_bits_per_column for layer in cost.layers) for cost in (wide, narrow)]
    assert lines[1] < lines[0]
    proved = network_cost(quantised.lower())
    assert sum(layer.line_bits_per_column for layer in proved.layers) == lines[1]
    assert json.dumps(narrow.as_json()) != json.dumps(wide.as_json())


def test_calibration_without_the_setting_is_as_it_was():
    network = traced("residual")

    def made(**settings) -> QuantNetwork:
        torch.manual_seed(0)
        return start_qat(network, QatConfig(**settings), lambda step: torch.rand(1, 3, 16, 16), Silent())

    assert made().formats == made(hidden_bits=8).formats
    assert made(activation_bits=5).formats == made(activation_bits=5, hidden_bits=7).formats
    assert made(hidden_bits=4).formats != made().formats
