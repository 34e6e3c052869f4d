"""The networks that hwrts ships: counts, start, and the way to verified integers."""

import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrize import remove_parametrizations

from hwrts.config import NetworkConfig, RunConfig
from hwrts.config.network import NetworkName
from hwrts.cost.modes import KIB_BITS
from hwrts.cost.network import graph_cost
from hwrts.data.luma import Luma
from hwrts.errors import ConfigError, UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, Add, PRelu, Rounding, Upsample, load_network, run, save_network
from hwrts.graph import run_graph
from hwrts.graph.deploy import deploy_form, fused_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.same_size import has_same_size_form
from hwrts.graph.trace import trace
from hwrts.networks import (
    ABPN,
    ECBSR,
    EDSR,
    ESPCN,
    FSRCNN,
    IMDN,
    RLFN,
    SESR,
    SPAN,
    SRCNN,
    VDSR,
    XLSR,
    QuickSRNet,
    Residual,
    SRResNet,
    UNet,
)
from hwrts.networks.build import build_network
from hwrts.networks.held import HeldConv2d
from hwrts.networks.transposed import taps_of
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.settings_file import as_before, dump_toml, load_config, parse_config
from hwrts.training.aids import training_aids
from hwrts.training.fit import Schedule, Training, fit
from hwrts.training.precision import MixedPrecision

TINY = {
    "residual": {"blocks": 1, "channels": 4},
    "srcnn": {"channels": 8},
    "vdsr": {"blocks": 2, "channels": 6},
    "srresnet": {"blocks": 1, "channels": 6},
    "edsr": {"blocks": 1, "channels": 6},
    "abpn": {"blocks": 1, "channels": 6},
    "quicksrnet": {"blocks": 1, "channels": 6},
    "sesr": {"blocks": 1, "channels": 6},
    "espcn": {"channels": 8},
    "ecbsr": {"blocks": 1, "channels": 6},
    "imdn": {"blocks": 1, "channels": 8},
    "rlfn": {"blocks": 1, "channels": 6},
    "span": {"blocks": 2, "channels": 6},
    "xlsr": {"blocks": 1, "channels": 8},
    "fsrcnn": {"blocks": 1, "channels": 6},
    "unet": {"blocks": 2, "channels": 4},
    "srcnn-luma": {"channels": 8},
    "vdsr-luma": {"blocks": 2, "channels": 6},
    "residual-luma": {"blocks": 1, "channels": 4},
}


def config(name, **changes) -> NetworkConfig:
    """Of a network; "srcnn-luma" is srcnn with one channel."""
    colour = {"colour": "luma"} if name.endswith("-luma") else {}
    return parse_config(
        {"network": {"name": name.removesuffix("-luma"), **colour, **changes}}, "test"
    ).network


def tiny(name) -> nn.Module:
    return build_network(config(name, **TINY[name]))


def planes(name: str) -> int:
    """Those of the pictures that it sees."""
    return 1 if config(name).luma else 3


def parameters(network: nn.Module) -> int:
    """Those that are deployed: what a convolution trained as several is, without taps that must be 0."""
    for module in network.modules():
        for name in list(getattr(module, "parametrizations", ())):
            remove_parametrizations(module, name)
    idle = sum(
        int((~taps_of(module.held.transposed, len(module.weight))).sum()) * module.in_channels
        for module in network.modules()
        if isinstance(module, HeldConv2d) and module.held.transposed is not None
    )
    return sum(each.numel() for each in network.parameters()) - idle


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("srcnn", 69_251),
        ("vdsr", 668_227),
        ("srresnet", 1_401_749),
        ("edsr", 1_369_859),
        ("abpn", 33_464),
        ("quicksrnet", 22_860),
        ("sesr", 13_788),
        ("espcn", 26_796),
        ("ecbsr", 11_548),
        ("imdn", 20_190),
        ("rlfn", 511_304),
        ("span", 410_700),
        ("xlsr", 17_612),
        ("fsrcnn", 24_692),
        ("unet", 118_764),
        ("srcnn-luma", 57_281),
        ("vdsr-luma", 665_921),
        ("residual-luma", 9_897),
        ("srresnet-luma", 1_381_011),
        ("edsr-luma", 1_367_553),
        ("abpn-luma", 29_776),
        ("quicksrnet-luma", 19_972),
        ("sesr-luma", 12_340),
        ("espcn-luma", 21_284),  # the original's
        ("ecbsr-luma", 10_100),
        ("imdn-luma", 19_102),
        ("rlfn-luma", 506_616),
        ("span-luma", 406_372),
        ("xlsr-luma", 14_436),
        ("fsrcnn-luma", 12_464 + 136 + 212),  # the paper's weights, slopes, and biases
        ("unet-luma", 117_316),
    ],
)
def test_parameters_of_the_default_networks(name, expected):
    assert parameters(build_network(config(name))) == expected


def test_the_document_has_these_numbers():
    document = (Path(__file__).parents[2] / "docs" / "networks.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\w-]+) (?:\| [^|]+ ){3}\| ([\d,]+) \| [^|]*\|$", document, re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in rows} == {
        name: parameters(build_network(config(name))) for name in TINY
    }
    census = re.findall(r"^\| ([\w-]+) \| (\d+) \| (\d+) \| (?:none|Resize|PRelu)", document, re.MULTILINE)
    for name, convs, adds in census:
        graph = deploy_form(trace(build_network(config(name)).eval()))
        kinds = [type(node).__name__ for node in graph.nodes]
        assert (kinds.count("Conv"), kinds.count("Add")) == (int(convs), int(adds)), name
    assert len(census) == len(TINY) - 1


def test_the_table_to_choose_from_has_every_network_and_what_it_costs():
    document = (Path(__file__).parents[2] / "docs" / "networks.md").read_text("utf-8")
    table = document.partition("## Which to take")[2]
    row = (
        r"^\| ([\w-]+), (?:(\d+) blocks?, )?(\d+) channels "
        + 3 * r"\| ([\d,]+) "
        + 4 * r"\| [\d.*]+ "
        + r"\|$"
    )
    rows = re.findall(row, table, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(TINY)
    for name, blocks, channels, *numbers in rows:
        size = {"channels": int(channels)} | ({"blocks": int(blocks)} if blocks else {})
        network = build_network(config(name, **size)).eval()
        cost = graph_cost(deploy_form(trace(network)), 8, 8)
        found = (
            parameters(network),
            round(float(cost.macs_per_output_pixel)),
            round(cost.line_bits(1920) / KIB_BITS),
        )
        assert found == tuple(int(number.replace(",", "")) for number in numbers), name


def test_parameters_of_table_3():
    """The paper writes thousands: 41K 114K 225K 57K 666K 1.5M 1.7M. What differs is explained by a number."""
    weights = [
        sum(each.numel() for each in Residual(blocks, 64).parameters() if each.ndim == 4)
        for blocks in (1, 3, 6)
    ]
    assert [round(count, -3) for count in weights] == [41_000, 114_000, 225_000]
    of_luma = [
        sum(each.numel() for each in Residual(blocks, 64, planes=1).parameters() if each.ndim == 4)
        for blocks in (1, 3, 6)
    ]
    assert of_luma == [9 * n * 64**2 + 18 * 64 + 36 for n in (1, 3, 6)] == [38_052, 111_780, 222_372]
    assert parameters(SRCNN(planes=1)) == parameters(SRCNN()) - 2 * 81 * 64 - 2 * (25 * 32 + 1) == 57_281
    assert parameters(VDSR(planes=1)) == parameters(VDSR()) - 2 * 9 * 64 - 2 * (9 * 64 + 1) == 665_921
    step = 64 * 9 * 256 + 256  # a step of up-sampling: 64 to 256 maps
    assert parameters(SRResNet(scale=4)) == parameters(SRResNet()) + step + 1 == 1_549_462  # 1.5M, x4
    assert parameters(EDSR(scale=4)) == parameters(EDSR()) + step == 1_517_571
    assert parameters(EDSR(scale=8)) == parameters(EDSR(blocks=20)) == 1_665_283  # 1.7M; not x2 64x16


def test_parameters_of_the_networks_made_for_hardware():
    assert parameters(ABPN(scale=3)) == 42_539  # 42.54K in its paper
    assert parameters(QuickSRNet(scale=4)) == 33_264
    assert parameters(XLSR(scale=3)) == 21_947  # its 22K


def test_vdsr_has_20_layers_and_srcnn_its_kernels():
    assert sum(isinstance(each, nn.Conv2d) for each in VDSR().modules()) == 20
    assert [each.kernel_size[0] for each in SRCNN().modules() if isinstance(each, nn.Conv2d)] == [9, 5, 5]


@pytest.mark.parametrize("name", TINY)
def test_training_starts_as_an_upscaler(name, picture):
    """Within 4 codes of interpolation on average; torch's own start is about 100 away."""
    colours = planes(name)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(1, colours, 40, 40), 5, stride=1) * 0.8
    with torch.inference_mode():
        apart = (tiny(name).eval()(smooth) - F.interpolate(smooth, scale_factor=2, mode="bilinear")).abs()
    assert apart.shape == (1, colours, 72, 72)
    assert float(apart.mean()) * 256 < 4


@pytest.mark.in_turns
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", [name for name in TINY if not name.startswith("residual")])
def test_from_the_network_to_verified_integers(name, rounding, picture, tmp_path):
    model = tiny(name)
    x, target = torch.rand(4, planes(name), 12, 12), torch.rand(4, planes(name), 24, 24)
    fit(Training.start(model), model, lambda n: (x, target), Schedule(1e-3, 3), lambda n, v: None)
    graph = deploy_form(trace(model.eval()))
    quantised = QuantNetwork(graph, calibrate(graph, [x], 8, rounding), 8, rounding)
    fit(Training.start(quantised), quantised, lambda n: (x, target), Schedule(1e-3, 3), lambda n, v: None)
    save_network(quantised.eval().lower(), tmp_path)
    network = load_network(tmp_path)
    assert network.formats[network.output] == PIXEL
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture(15, 14)[..., : planes(name)]},
        [TorchWitness(quantised, network)],
        stimuli=["photo", "one pixel", "impulse"],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert all(entry["exact_in_float32"] for entry in verdict.facts["bounds"].values())
    if rounding is Rounding.HALF_EVEN:
        assert census_of(network) == {
            op: count for op, count in verdict.facts["census"].items() if op in COUNTED
        }


COUNTED = (
    "QLinearConv",
    "QLinearAdd",
    "Conv",
    "FusedConv",
    "Add",
    "Sum",
    "PRelu",
    "LeakyRelu",
    "Relu",
    "Mul",
)


def census_of(network) -> dict[str, int]:
    """DESIGN: every convolution and addition in integers; PRelu is the exception that the docs explain."""
    adds = sum(isinstance(layer, Add) for layer in network.layers)
    leaky = sum(isinstance(layer, PRelu) for layer in network.layers)
    found = {"PRelu": leaky, "QLinearAdd": adds, "QLinearConv": len(network.convs)}
    return {op: count for op, count in found.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TINY if not name.startswith("residual")])
def test_networks_of_the_papers_size(name, picture):
    """9 x 9 taps of 64 channels and 36 layers in a row, on small pictures."""
    graph = deploy_form(trace(build_network(config(name)).eval()))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(1, planes(name), 16, 16)])).eval()
    network = quantised.lower()
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture(15, 14)[..., : planes(name)]},
        [TorchWitness(quantised, network)],
        stimuli=["photo", "one pixel", "one row"],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert all(entry["exact_in_float32"] for entry in verdict.facts["bounds"].values())
    found = {op: count for op, count in verdict.facts["census"].items() if op in COUNTED}
    assert found == census_of(network)
    print(name, verdict.compared, verdict.facts["census"])


@pytest.mark.parametrize("name", ["vdsr", "vdsr-luma", "abpn", "sesr", "ecbsr", "unet"])
def test_a_zero_residual_is_the_enlarged_picture(name, picture):
    """Anchored: no layer between the enlarged input and the output can harm the picture."""
    model = tiny(name).eval()
    parameters(model)  # of a convolution that is trained as several, what they are
    for parameter in model.image_residual.parameters():
        nn.init.zeros_(parameter)
    graph = deploy_form(trace(model))
    network = QuantNetwork(graph, calibrate(graph, [torch.rand(2, planes(name), 16, 16)])).eval().lower()
    assert network.formats[network.output] == PIXEL
    codes = picture(12, 8)[..., : planes(name)]
    if name in ("abpn", "ecbsr"):
        expected = codes.repeat(2, axis=0).repeat(2, axis=1)
    else:
        up = next(layer for layer in network.layers if isinstance(layer, Upsample))
        assert network.formats[up.name] == PIXEL
        expected = run(type(network)(network.inputs, (up,), network.rounding), codes)
    np.testing.assert_array_equal(run(network, codes), expected)


@pytest.mark.parametrize("name", TINY)
def test_the_same_size_form_and_training_aids_are_where_they_should_be(name):
    network = tiny(name)
    graph = trace(network.eval())
    assert has_same_size_form(fused_form(graph)) == (name in ("residual", "residual-luma"))
    if name not in ("residual", "residual-luma"):
        with pytest.raises(UnsupportedOperatorError, match="no same-size form"):
            deploy_form(graph, same_size=True)
    aids = training_aids(network)
    anchored = ("residual", "vdsr", "abpn", "sesr", "ecbsr", "unet")
    assert len(aids.residuals) == (name.removesuffix("-luma") in anchored)
    assert (aids.constrain is None) == (name not in ("residual", "residual-luma"))
    assert training_aids(network, small_residual=False).residuals == ()


@pytest.mark.parametrize("name", TINY)
def test_a_noted_graph_is_the_graph(name):
    graph = deploy_form(trace(tiny(name).eval()))
    again = noted_graph(note_graph(graph))
    assert [type(node) for node in again.nodes] == [type(node) for node in graph.nodes]
    assert note_graph(again) == note_graph(graph)
    assert all(isinstance(node.sources, tuple) for node in again.nodes)
    x = torch.rand(1, planes(name), 8, 8)
    assert run_graph(again, x)[again.output].shape == run_graph(graph, x)[graph.output].shape


@pytest.mark.parametrize("name", ["vdsr", "abpn", "edsr", "srresnet", "srcnn", "sesr", "ecbsr", "span"])
def test_bf16_never_rounds_the_picture(name):
    """With the residual at zero, bf16 training sees the enlarged input itself, not its 8-bit rounding."""
    network = tiny(name).eval()
    mixed = MixedPrecision(network)
    aids = training_aids(network)
    assert mixed.mixed == bool(aids.residuals)
    x = torch.rand(1, 3, 8, 8)  # not on the code grid
    with torch.inference_mode():
        if mixed.mixed:
            apart = (mixed.run(x) - network(x)).abs().max()
            assert 0 < float(apart) < 0.02  # the residual is of bf16 layers
        for residual in aids.residuals:
            for parameter in residual.parameters():
                nn.init.zeros_(parameter)
        assert torch.equal(mixed.run(x), network(x))


def test_hidden_layers_of_vdsr_run_in_bf16():
    network = tiny("vdsr").eval()
    seen: dict[Any, Any] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, given, out, name=name: seen.__setitem__(name, out.dtype))
    MixedPrecision(network).run(torch.rand(1, 3, 8, 8))
    assert seen == dict.fromkeys(("conv_in", "conv.0", "conv.1", "conv_out"), torch.bfloat16)


def test_defaults_are_those_of_the_papers():
    classes: dict[str, Any] = {"vdsr": VDSR, "srresnet": SRResNet, "edsr": EDSR, "abpn": ABPN}
    classes |= {"quicksrnet": QuickSRNet, "sesr": SESR, "espcn": ESPCN, "ecbsr": ECBSR, "imdn": IMDN}
    classes |= {"rlfn": RLFN, "span": SPAN, "xlsr": XLSR, "fsrcnn": FSRCNN, "unet": UNet}
    for name, kind in classes.items():
        made = build_network(config(name))
        assert type(made) is kind
        assert parameters(made) == parameters(kind())
    assert parameters(build_network(config("srcnn"))) == parameters(SRCNN())


@pytest.mark.parametrize("name", TINY)
def test_settings_are_written_complete_and_read_back(name, tmp_path):
    for changes in ({}, TINY[name]):
        made = RunConfig(network=config(name, **changes))
        (tmp_path / "config.toml").write_text(dump_toml(made))
        assert load_config(tmp_path / "config.toml") == made
        assert (made.network.blocks is None) == (name in ("srcnn", "srcnn-luma", "espcn"))


def test_titles_and_folder_names():
    names = [config(name) for name in TINY]
    assert [each.slug for each in names] == [
        "residual1x32",
        "srcnn64",
        "vdsr18x64",
        "srresnet16x64",
        "edsr16x64",
        "abpn4x28",
        "quicksrnet2x32",
        "sesr5x16",
        "espcn64",
        "ecbsr4x16",
        "imdn5x12",
        "rlfn6x52",
        "span6x48",
        "xlsr3x32",
        "fsrcnn4x56",
        "unet2x16",
        "srcnn-luma64",
        "vdsr-luma18x64",
        "residual-luma1x32",
    ]
    assert [each.title for each in names[:3]] == [
        "Residual-1, 32 channels",
        "SRCNN, 64 channels",
        "VDSR, 18 blocks, 64 channels",
    ]
    assert [each.title for each in names[-2:]] == [
        "VDSR of luma, 18 blocks, 64 channels, BT.709, limited range",
        "Residual-1 of luma, 32 channels, BT.709, limited range",
    ]


@pytest.mark.parametrize("old", ["srcnn-luma", "vdsr-luma"])
def test_an_old_name_of_luma_is_what_it_was(old):
    """BT.601 of full range, which is what they were trained on before there was a choice."""
    said = {"name": old.removesuffix("-luma"), "colour": "luma", "matrix": "bt601", "range": "full"}
    assert NetworkConfig.model_validate({"name": old}) == NetworkConfig.model_validate(said)
    other = NetworkConfig.model_validate({"name": old, "matrix": "bt709"})
    assert other.luma == Luma("bt709", "full", "bicubic")
    record = {"network": {"name": old, "blocks": None, "channels": 8, "keeps": "nothing", "padding": "zero"}}
    of_record = as_before(record)["network"]
    assert NetworkConfig.model_validate(of_record).luma == Luma("bt601", "full")


@pytest.mark.parametrize("name", get_args(NetworkName))
def test_every_network_can_see_luma_alone(name, picture, tmp_path):
    """One channel in and out, an up-scaler before its first step, and integers with no differing code."""
    of_luma = f"{name}-luma"
    model = build_network(config(of_luma, **TINY[name])).eval()
    smooth = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 40, 40), 5, stride=1) * 0.8
    with torch.inference_mode():
        apart = (model(smooth) - F.interpolate(smooth, scale_factor=2, mode="bilinear")).abs()
    assert apart.shape == (1, 1, 72, 72)
    assert float(apart.mean()) * 256 < 4
    graph = deploy_form(trace(model))
    quantised = QuantNetwork(graph, calibrate(graph, [torch.rand(2, 1, 12, 12)])).eval()
    save_network(quantised.lower(), tmp_path)
    network = load_network(tmp_path)
    assert (network.inputs[0].channels, network.channels[network.output]) == (1, 1)
    verdict = verify(
        network,
        to_onnx(network).SerializeToString(),
        {"photo": picture(15, 14)[..., :1]},
        [TorchWitness(quantised, network)],
        stimuli=["photo"],
    )
    assert verdict.passed, (verdict.problems, verdict.mismatches)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"name": "residual", "matrix": "bt709"},
            "matrix is of networks of luma; leave it out, or use colour",
        ),
        (
            {"colour": "rgb", "chroma": "bilinear"},
            "chroma is of networks of luma; leave it out, or use colour",
        ),
        ({"name": "vdsr-luma", "colour": "rgb"}, 'vdsr-luma sees luma; use name = "vdsr"'),
        ({"colour": "luma", "matrix": "bt2020"}, "Input should be 'bt709' or 'bt601'"),
        ({"name": "srcnn", "blocks": 3}, "srcnn has three layers and no blocks; leave blocks out"),
        ({"name": "srcnn", "channels": 7}, "second layer has half of 7 channels; use an even number"),
        ({"name": "espcn", "blocks": 3}, "espcn has three layers and no blocks; leave blocks out"),
        ({"name": "imdn", "channels": 6}, "keeps a quarter of 6 channels each time; use a multiple of 4"),
        ({"name": "span", "blocks": 0}, "use 1 block or more"),
        ({"name": "xlsr", "channels": 6}, "4 groups of 6 channels; use a multiple of 4"),
        ({"name": "unet", "blocks": 6}, "6 levels below the first; use at most 5"),
        ({"name": "swinir"}, "'residual', 'srcnn', 'vdsr'"),
        ({"name": ["vdsr"]}, "network.name"),
        ({"name": "vdsr", "depth": 20}, "unknown key 'network.depth'"),
    ],
)
def test_settings_that_a_network_does_not_have(network, message):
    with pytest.raises(ConfigError) as caught:
        parse_config({"network": network}, "test")
    assert message in str(caught.value)
