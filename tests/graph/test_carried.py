"""Taps of 1 of a last convolution, taken out of its rows: what it passes on is added behind it."""

from typing import Any

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.cost.network import graph_cost, in_form, network_cost
from hwrts.export import to_onnx, verify
from hwrts.export.c import CWitness
from hwrts.export.witness import Witness
from hwrts.fixed_point import Network, load_network
from hwrts.graph import Add, Clip, Conv, Graph, Input, Node, PRelu, Reorder, run_graph
from hwrts.graph.carried import adds_to_picture, carried_apart, is_apart
from hwrts.graph.deploy import anchor_image_residual, deploy_form, fused_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.qat.grids import Grids
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import export_stage, load_quantised, save_quantised, start_qat

from ..export.rtl.simulate import assert_exact

CARRYING: dict[str, dict[str, Any]] = {
    "srcnn": {"channels": 8},
    "edsr": {"blocks": 1, "channels": 6},
    "srresnet": {"blocks": 1, "channels": 6},
}
"""Networks whose last layer passes the picture on, small."""


def drawn(name: str, *, colour: str = "rgb", spread: float = 0.004) -> Graph:
    """Such a network as traced, its weights moved as by a training."""
    torch.manual_seed(len(name))
    model = build_network(NetworkConfig.model_validate({"name": name, "colour": colour, **CARRYING[name]}))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.add_(torch.randn_like(weight) * spread)
    return trace(model.eval())


def smooth(channels: int = 3) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(torch.rand(2, channels, 24, 24), 5, stride=1)


def centre(conv: Conv) -> torch.Tensor:
    """Taps (O, I) in the middle of its kernels."""
    half = conv.weight.shape[-1] // 2
    return conv.weight[:, :, half, half]


@pytest.mark.parametrize("colour", ["rgb", "luma"])
@pytest.mark.parametrize("name", CARRYING)
def test_the_two_forms_are_one_network(name, colour):
    graph = drawn(name, colour=colour)
    before, after = fused_form(graph), deploy_form(graph)
    planes = graph.input.channels
    assert [node.name for node in after.nodes[-3:]] == ["conv_out", "carried", "picture"]
    assert after.outputs == ("picture",)
    (old,), (new,) = ([conv for conv in each.of(Conv) if conv.name == "conv_out"] for each in (before, after))
    one = torch.zeros_like(centre(old))
    one[range(planes), range(planes)] = 1
    assert torch.equal(centre(new) + one, centre(old))  # nothing was rounded
    assert torch.equal(new.bias, old.bias)
    others = old.weight.flatten(1).abs().amax(1), new.weight.flatten(1).abs().amax(1)
    assert bool((others[1] < others[0] / 8).all())  # a grid finer by 3 bits
    x = smooth(planes)
    wanted, found = run_graph(before, x)[before.output], run_graph(after, x)["picture"]
    # Two orders of a sum of values up to 2, hundreds of them: some roundings of 1.2e-7.
    torch.testing.assert_close(found, wanted, rtol=0, atol=4e-6)
    assert is_apart(after)
    assert not is_apart(before)


ADDING = ("residual", "vdsr", "abpn", "sesr", "ecbsr", "unet")
KERNELS_ALONE = ("srcnn", "srresnet", "edsr", "quicksrnet", "espcn", "imdn", "rlfn", "span", "xlsr", "fsrcnn")


@pytest.mark.parametrize("name", ADDING + KERNELS_ALONE)
def test_where_the_picture_is(name):
    """As docs/networks.md has it: a sum with the enlarged picture, or kernels that it goes through."""
    torch.manual_seed(0)
    graph = trace(build_network(NetworkConfig.model_validate({"name": name, "channels": 8})).eval())
    assert adds_to_picture(deploy_form(graph)) == (name in ADDING)


@pytest.mark.parametrize("name", ["quicksrnet", "espcn"])
def test_old_checkpoints_of_kernels_that_the_picture_goes_through_as_ever_go_on(name):
    """Their grids were not noted and cannot be others: no tap of 1 was in them, no channel has a factor."""
    torch.manual_seed(0)
    graph = trace(build_network(NetworkConfig.model_validate({"name": name, "channels": 8})).eval())
    assert not adds_to_picture(deploy_form(graph))
    assert not is_apart(deploy_form(graph))
    assert Grids.of(quantised(graph)).are_of(None)


EYE = torch.eye(3).reshape(3, 3, 1, 1)


def conv(weight: torch.Tensor, name: str = "y", source: str = "h", **more: Any) -> Conv:
    return Conv(name, (source,), weight, torch.full((len(weight),), 0.125), **more)


def behind_a_leaky_relu(*nodes: Node, outputs: tuple[str, ...] = ()) -> Graph:
    """Nodes that read the hidden tensor h, of three channels."""
    first = conv(EYE + 0.25, "a", "x")
    return Graph((Input("x", 3), first, PRelu("h", ("a",), torch.tensor([0.5]), False), *nodes), outputs)


@pytest.mark.parametrize(
    "graph",
    [
        behind_a_leaky_relu(conv(0.4 * EYE)),  # 1 less is more
        behind_a_leaky_relu(conv(2.1 * EYE)),
        behind_a_leaky_relu(conv(-EYE)),
        behind_a_leaky_relu(
            conv(EYE * torch.tensor([1.0, 1.0, 0.0])[:, None, None, None])
        ),  # a row passes none
        behind_a_leaky_relu(conv(EYE - 1.5 * EYE.roll(1, 0))),  # another weight says how fine the grid is
        behind_a_leaky_relu(conv(0.62 * EYE + 0.36 * EYE.roll(1, 0))),  # a grid that is no finer
        behind_a_leaky_relu(conv(EYE, frozen=True)),
        behind_a_leaky_relu(conv(EYE, zero_sums=True)),
        behind_a_leaky_relu(conv(torch.ones(3, 1, 1, 1), groups=3)),
        behind_a_leaky_relu(conv(EYE, stride=2)),
        behind_a_leaky_relu(conv(EYE), conv(0.1 * EYE, "z", "y")),  # no output
        behind_a_leaky_relu(conv(EYE), conv(0.1 * EYE, "z", "y"), outputs=("y", "z")),  # read besides
        Graph((Input("x", 3), conv(EYE, source="x"))),  # a picture's own grid is finer
    ],
)
def test_what_does_not_pass_all_rows_on_stays(graph):
    assert carried_apart(graph) is graph


def test_channels_in_any_order_and_limits_behind():
    x, order = torch.rand(1, 3, 6, 6) - 0.25, torch.tensor([2, 0, 0])
    weight = torch.nn.functional.one_hot(order, 3).float()[:, :, None, None] * 1.25
    ends = {
        "alone": (conv(weight),),
        "relu": (conv(weight, relu=True),),
        "limited": (conv(weight), Clip("z", ("y",), 0.1, 0.9)),
    }
    for nodes in ends.values():
        graph = behind_a_leaky_relu(*nodes)
        apart = carried_apart(graph)
        assert [node.order for node in apart.of(Reorder)] == [(2, 0, 0)]
        assert [node.relu for node in apart.of(Add)] == [nodes[0].relu]
        assert not any(each.relu for each in apart.of(Conv))
        wanted, found = run_graph(graph, x)[graph.output], run_graph(apart, x)[apart.output]
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)  # as above
        assert note_graph(noted_graph(note_graph(apart))) == note_graph(apart)


def test_a_tensor_that_is_passed_on_whole_is_added_itself():
    apart = carried_apart(behind_a_leaky_relu(conv(EYE)))
    assert not apart.of(Reorder)
    assert apart.of(Add)[0].sources == ("h", "y")
    assert not bool(apart.of(Conv)[1].weight.any())


def test_a_sum_with_the_picture_is_found_behind_limits():
    nodes = conv(0.1 * EYE), Add("z", ("x", "y")), Clip("w", ("z",), 0.1, 0.9)
    assert adds_to_picture(behind_a_leaky_relu(*nodes))
    assert not adds_to_picture(behind_a_leaky_relu(nodes[0], Add("z", ("h", "y")), nodes[2]))
    assert not adds_to_picture(behind_a_leaky_relu(*nodes[:2], conv(EYE, "v", "z")))  # a kernel has it last
    assert adds_to_picture(behind_a_leaky_relu(*nodes[:2], conv(EYE, "v", "z"), outputs=("v", "z")))


SETTINGS: dict[str, dict[str, Any]] = {
    "as usual": {},
    "10 bits": {"pixel_bits": 10},
    "narrow": {"weight_bits": 4, "activation_bits": 6, "hidden_bits": 5, "accumulator_bits": 18},
    "exact": {"exact_additions": True, "one_weight_grid": True, "rounding": "half_up,floor"},
    "doubled": {"rounding": "double"},
}


def quantised(graph: Graph, **settings: Any) -> QuantNetwork:
    x = smooth(graph.input.channels)
    return start_qat(graph, QatConfig.model_validate(settings), lambda step: x, SILENT).eval()


def verdict_of(network: Network, made: QuantNetwork) -> Any:
    rng = np.random.default_rng(0)
    out = network.inputs[0].out
    photo = rng.integers(0, out.max + 1, (11, 9, network.inputs[0].channels)).astype(out.dtype)
    witnesses: list[Witness] = [TorchWitness(made, network), CWitness(network)]
    model = to_onnx(network).SerializeToString()
    return verify(network, model, {"photo": photo}, witnesses, stimuli=["photo", "noise"])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", CARRYING)
def test_every_witness_computes_the_same_integers(name, setting):
    made = quantised(drawn(name), **SETTINGS[setting])
    network = made.lower()
    assert [type(layer).__name__ for layer in network.layers[-3:]] == ["Conv", "Slice", "Add"]
    verdict = verdict_of(network, made)
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert all(entry["exact_in_float32"] for entry in verdict.facts["bounds"].values())


def test_the_circuit_computes_them_too(tmp_path):
    assert_exact(tmp_path, quantised(drawn("edsr")).lower(), [(5, 7), (1, 1)])


def test_what_it_costs_is_what_is_deployed():
    """The three colours wait for half of the kernel's rows, which is all that there is more of."""
    rows = {"srcnn": 2, "edsr": 1, "srresnet": 4}
    for name, late in rows.items():
        graph = drawn(name)
        drawn_cost, found = graph_cost(fused_form(graph)), graph_cost(in_form(graph, "x2"))
        assert found.line_bits(960) == drawn_cost.line_bits(960) + late * 3 * 8 * 2 * 960
        assert (found.macs_per_input_pixel, found.parameters, found.latency_lines) == (
            drawn_cost.macs_per_input_pixel,
            drawn_cost.parameters,
            drawn_cost.latency_lines,
        )
        assert network_cost(quantised(graph).lower()).line_bits(960) == found.line_bits(960)


def test_a_stage_from_before_is_what_it_was(tmp_path):
    """Its note holds the graph it was made of: one convolution with its taps of 1."""
    graph = anchor_image_residual(fused_form(drawn("srcnn")))
    formats = quantised(drawn("srcnn")).formats
    formats = {name: out for name, out in formats.items() if name != "picture"}
    old = QuantNetwork(graph, formats | {"conv_out": formats["x"]}).eval()
    stage = StageFolder(tmp_path)
    save_quantised(stage, old)
    export_stage(stage, old, "a test")
    again, network = load_quantised(stage), load_network(stage.root)
    assert [layer.name for layer in again.lower().layers] == [layer.name for layer in network.layers]
    assert network.output == "conv_out"
    assert verdict_of(network, again.eval()).passed
    assert Grids.of(old).are_of(None)  # and a fine-tuning of that time is of other kernels than now
    assert not Grids.of(quantised(drawn("srcnn"))).are_of(None)
    assert not Grids.of(quantised(drawn("srcnn"))).are_of(Grids.of(old).sha256)
