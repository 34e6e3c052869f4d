"""More bits for what carries the picture past kernels: which tensors, and the same integers everywhere."""

import json
import typing
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hwrts.config import NetworkConfig, QatConfig
from hwrts.config.network import NetworkName
from hwrts.cost.network import in_form, network_cost, widths_cost
from hwrts.errors import ConfigError, HwrtsError
from hwrts.export import to_onnx
from hwrts.export.runtime import census, float_islands
from hwrts.export.targets import TARGETS, target_file
from hwrts.export.tflite import Flavour, to_tflite
from hwrts.fixed_point import LineRun, Scale, plan_lines
from hwrts.graph import Conv, Graph, run_graph
from hwrts.graph import Scale as Once
from hwrts.graph.carried import is_apart
from hwrts.graph.deploy import deploy_form
from hwrts.graph.hidden import inner_bits
from hwrts.graph.skip_bits import skipping, with_skip_bits
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import check_settings, widths_of
from hwrts.networks.build import build_network
from hwrts.qat.fused import Fused
from hwrts.qat.grids import Grids
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised

from ..export.rtl.simulate import assert_exact
from .test_carried import CARRYING, drawn, quantised, smooth, verdict_of

WIDE = {
    "srcnn": {"mapping"},
    "edsr": {"conv_in", "up_0"},
    "srresnet": {"conv_in", "act_in", "up_0", "up_2"},
}
"""By network: what a sum on the picture's way reads, past shuffles and leaky ReLUs."""

COPIED = {
    "srcnn": ["mapping"],
    "edsr": ["conv_in", "up_1"],
    "srresnet": ["act_in", "up_2"],
}
"""What kernels, or sums beside the way, read a rounded copy of."""


def deployed(name: NetworkName) -> Graph:
    return deploy_form(trace(build_network(NetworkConfig(name=name)).eval()))


@pytest.mark.parametrize("name", WIDE)
def test_what_carries_the_picture_is_found_and_copied(name):
    graph = deploy_form(drawn(name))
    wide = with_skip_bits(graph, 10)
    assert skipping(graph) == skipping(wide) == WIDE[name]
    assert [copy.sources[0] for copy in wide.of(Once)] == COPIED[name]
    assert is_apart(wide)
    origins = wide.origins()
    assert all(origins[conv.sources[0]] not in WIDE[name] for conv in wide.of(Conv))
    x = smooth()
    before, after = run_graph(graph, x), run_graph(wide, x)
    assert all(torch.equal(after[each], before[each]) for each in before)


def test_all_blocks_are_gone_past():
    """The sums of sixteen blocks lie beside the way: the long skip has a kernel less."""
    graph = deployed("srresnet")
    assert skipping(graph) == WIDE["srresnet"]
    wide = with_skip_bits(graph, 16)
    assert len(wide.operations) == len(graph.operations) + 2
    assert {node.name for node in wide.readers("act_in_rounded")} >= {"add", "blocks_0_conv1"}


def test_the_picture_of_several_sums_is_followed():
    """Each sum on the way is read by the next whole; the last one is read by a kernel alone."""

    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three, self.four = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            h = self.one(x)
            return self.four(h + self.two(h) + self.three(h))

    graph = deploy_form(trace(Sums().eval()))
    assert skipping(graph) == {"one", "add"}
    assert [node.sources[0] for node in with_skip_bits(graph, 12).of(Once)] == ["one"]


class Joined(nn.Module):
    """The picture goes through a concatenation; a table stands on its way, if there is one."""

    def __init__(self, table: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.one, self.two = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.three, self.four = (nn.Conv2d(6, 6, 3, padding=1) for _ in range(2))
        self.five = nn.Conv2d(6, 3, 3, padding=1)
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x)
        g = torch.cat([h, self.two(h)], 1)
        g = g if self.table is None else self.table(g)
        g = g + self.three(g)
        return self.five(g + self.four(g))


def test_the_picture_is_followed_through_a_concatenation(tmp_path):
    """It has no more bits than what it joins: without those of the first convolution it would be idle."""
    graph = trace(Joined().eval())
    assert skipping(deploy_form(graph)) == {"one", "cat", "add"}
    made = quantised(graph, skip_bits=16)
    network = made.lower()
    assert [network.formats[name].bits for name in ("one", "two", "cat", "add")] == [16, 8, 16, 16]
    verdict = verdict_of(network, made)
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert_exact(tmp_path, network, [(4, 5)])


def test_a_table_has_no_more_bits():
    """One of 16 bits without a sign did not fit its int16, after all formats had been chosen."""
    graph = trace(Joined(nn.Sigmoid()).eval())
    assert skipping(deploy_form(graph)) == {"add"}
    made = quantised(graph, skip_bits=16)
    network = made.lower()
    assert [network.formats[name].bits for name in ("cat", "table", "add")] == [8, 8, 16]
    verdict = verdict_of(network, made)
    assert verdict.passed, (verdict.problems, verdict.mismatches)


@pytest.mark.parametrize("name", ["imdn", "rlfn"])
def test_one_long_skip_has_more_bits(name):
    model = build_network(NetworkConfig.model_validate({"name": name, "blocks": 1, "channels": 8}))
    graph = trace(model.eval())
    assert skipping(deploy_form(graph)) == {"conv_in"}
    made = quantised(graph, skip_bits=12)
    network = made.lower()
    assert network.formats["conv_in"].bits == 12
    verdict = verdict_of(network, made)
    assert verdict.passed, (verdict.problems, verdict.mismatches)


OTHERS = sorted({*typing.get_args(NetworkName)} - {*WIDE, "imdn", "rlfn"})


@pytest.mark.parametrize("name", OTHERS)
def test_networks_without_such_a_tensor_are_refused(name):
    graph = deployed(name)
    assert skipping(graph) == set()
    with pytest.raises(ConfigError, match="--skip-bits 10: would do nothing: no hidden tensor"):
        with_skip_bits(graph, 10)
    with pytest.raises(ConfigError, match="--skip-bits 12: would do nothing"):
        check_settings(NetworkConfig(name=name), QatConfig(skip_bits=12))


def test_8_bits_change_nothing():
    graph = deploy_form(drawn("srresnet"))
    assert with_skip_bits(graph, 8) is graph
    pictures = graph.pixel_tensors()
    assert inner_bits(graph, pictures, 8, None, 8) == inner_bits(graph, pictures, 8, None)
    usual = to_onnx(quantised(drawn("edsr")).lower()).SerializeToString()
    assert to_onnx(quantised(drawn("edsr"), skip_bits=8).lower()).SerializeToString() == usual
    assert to_onnx(quantised(drawn("edsr"), skip_bits=10).lower()).SerializeToString() != usual


SETTINGS: dict[str, dict[str, Any]] = {
    "10": {"skip_bits": 10},
    "12, doubled": {"skip_bits": 12, "rounding": "double"},
    "16, narrow": {"skip_bits": 16, "weight_bits": 4, "activation_bits": 6, "hidden_bits": 5},
    "16, half up": {"skip_bits": 16, "rounding": "half_up,floor", "one_weight_grid": True},
    "10, pixels of 10": {"skip_bits": 10, "pixel_bits": 10, "accumulator_bits": 18},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", WIDE)
def test_every_witness_computes_the_same_integers(name, setting, tmp_path):
    settings = SETTINGS[setting]
    made = quantised(drawn(name), **settings)
    network = made.lower()
    bits = {node.name: network.formats[node.name].bits for node in made.graph.quantised_nodes()}
    assert {each for each in WIDE[name] if bits[each] == settings["skip_bits"]} == WIDE[name]
    ends = {network.inputs[0].name, "picture"}
    assert max(width for each, width in bits.items() if each not in {*WIDE[name], *ends}) <= 8
    verdict = verdict_of(network, made)
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    file = to_onnx(network)
    assert float_islands(network, census(file.SerializeToString())) == []
    read = {name for node in file.graph.node for name in node.input}
    assert {each.name for each in file.graph.initializer} <= read  # of others ONNX Runtime warns
    stage = StageFolder(tmp_path)
    save_quantised(stage, made)
    assert load_quantised(stage).lower().formats == network.formats


def test_the_circuit_computes_them_too(tmp_path):
    for name, bits in (("srresnet", 10), ("edsr", 16)):
        assert_exact(tmp_path / name, quantised(drawn(name), skip_bits=bits).lower(), [(5, 7), (1, 1)])


@pytest.mark.parametrize("name", WIDE)
def test_a_step_of_fine_tuning_sees_the_same_values(name):
    made = quantised(drawn(name), skip_bits=10)
    x = smooth()
    expected, found = made.values(x), Fused(made).values(x)
    assert all(torch.equal(found[each], expected[each]) for each in expected)


@pytest.mark.parametrize("name", ["edsr", "srresnet"])
def test_the_picture_loses_less(name):
    """Where it is in signed tensors: an unsigned one, as of SRCNN, has its levels in 8 bits."""
    graph = drawn(name)
    x = smooth()
    expected = run_graph(graph, x)[graph.output].clamp(0, 255 / 256)
    errors, grids = {}, {}
    for bits in (8, 10, 16):
        made = quantised(graph, skip_bits=bits)
        with torch.no_grad():
            errors[bits] = float((made(x) - expected).square().mean())
        grids[bits] = made.formats["up_0"].frac
    assert (grids[10] - grids[8], grids[16] - grids[8]) == (2, 8)
    assert errors[10] < 0.9 * errors[8]
    assert errors[16] < 0.9 * errors[8]


def test_lines_are_counted_with_the_bits_that_there_are():
    graph = drawn("srresnet")
    qat = QatConfig(skip_bits=10)
    formed = in_form(graph, "x2", skip_bits=10)
    found = widths_cost(formed, widths_of(formed, qat), 8, None, 10)
    narrow = in_form(graph, "x2")
    usual = widths_cost(narrow, widths_of(narrow, qat), 8)
    network = quantised(graph, skip_bits=10).lower()
    proved = network_cost(network)
    assert found.line_bits(960) == proved.line_bits(960) > usual.line_bits(960)
    engine = LineRun(network)
    photo = np.random.default_rng(0).integers(0, 256, (40, 8, 3)).astype(np.uint8)
    for row in photo:
        engine.push(row)
    assert engine.peak_bits == plan_lines(network.steps).bits(8)
    copies = [layer for layer in network.layers if isinstance(layer, Scale)]
    assert [(layer.multiplier, layer.frac) for layer in copies] == [(1, 0), (1, 0)]
    assert json.dumps(found.as_json()) != json.dumps(usual.as_json())


def test_bytes_alone_refuse_it():
    network = quantised(drawn("edsr"), skip_bits=10, one_weight_grid=True).lower()
    for name, target in TARGETS.items():
        with pytest.raises(HwrtsError, match=rf"^--target {name}: .* of 10 bits: .*take model\.int8\.onnx"):
            target_file(network, target, (8, 8))
    with pytest.raises(HwrtsError, match=r"'conv_in' of 10 bits: an int8 file holds at most 8"):
        to_tflite(network, (8, 8), Flavour.TFLITE)


def test_a_training_is_known_by_its_grids():
    made = {bits: Grids.of(quantised(drawn("edsr"), skip_bits=bits)) for bits in (8, 10)}
    assert made[8].sha256 != made[10].sha256
    assert not made[10].are_of(None)
    assert set(CARRYING) == set(WIDE)
