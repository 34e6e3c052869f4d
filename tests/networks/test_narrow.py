"""Groups of channels that go together, and networks without some of them."""

import copy
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from hwrts.config import NetworkConfig, RunConfig
from hwrts.config.network import NetworkName
from hwrts.errors import ConfigError, HwrtsError
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import check_settings
from hwrts.networks import SESR
from hwrts.networks.build import build_network
from hwrts.networks.channels import Convolution, groups_of
from hwrts.networks.narrow import leave_out, narrowed

NAMES = get_args(NetworkName)
SMALL: dict[str, dict[str, Any]] = {
    "vdsr": {"blocks": 2, "channels": 12}, "srresnet": {"blocks": 2, "channels": 12},
    "edsr": {"blocks": 2, "channels": 12}, "imdn": {"blocks": 2, "channels": 16},
    "rlfn": {"blocks": 2, "channels": 12}, "span": {"blocks": 2, "channels": 12},
    "xlsr": {"blocks": 2, "channels": 16}, "unet": {"blocks": 2, "channels": 8},
}  # fmt: skip


def made(name: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return build_network(NetworkConfig.model_validate({"name": name, **SMALL.get(name, {}), **settings}))


def halves(network: nn.Module, planes: int = 3) -> dict[str, int]:
    return {group.name: max(1, group.width // 2) for group in groups_of(network, planes)}


@torch.no_grad()
def disturbed(network: nn.Module) -> nn.Module:
    """Numbers as after a training: none is 0, no two channels are alike."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, (nn.BatchNorm2d, nn.PReLU)):
            module.weight.uniform_(0.1, 0.9)
    for parameter in network.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.02)
    return network.eval()


def blinded(network: nn.Module, dropped: Any) -> nn.Module:
    """A copy of which no convolution sees the dropped units: the definition of leaving them out."""
    blind = copy.deepcopy(network)
    for group, units in dropped:
        for member in group.members:
            layer = blind.get_submodule(member.module)
            channels = [channel for unit in units for channel in member.units[unit]]

            def without(module: nn.Module, args: Any, channels: Any = channels) -> Any:
                x = args[0].clone()
                x[:, channels] = 0
                return (x,)

            if not member.makes and isinstance(layer, Convolution):
                layer.register_forward_pre_hook(without)
    return blind


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_channels_is_the_one_that_does_not_see_them(name):
    network = disturbed(made(name))
    groups = groups_of(network, 3)
    dropped = [(group, [unit for unit in range(group.width) if unit % 3 == 1]) for group in groups]
    x = torch.rand(1, 3, 16, 12)
    with torch.no_grad():
        wanted = blinded(network, dropped)(x)
        leave_out(network, dropped)
        found = network(x)
    # float32 sums of fewer terms in another order; weights of 0.1, dozens of layers
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    widths = {group.name: group.width for group in groups_of(network, 3)}
    assert widths == {group.name: group.width - len(units) for group, units in dropped}
    deploy_form(trace(network))  # and it is traced as any


@pytest.mark.parametrize("name", NAMES)
def test_settings_make_the_shape_that_pruning_leaves(name):
    """The state of a pruned network is that of the network that its settings make."""
    pruned = made(name)
    widths = halves(pruned)
    leave_out(pruned, [(g, range(widths[g.name], g.width)) for g in groups_of(pruned, 3)])
    fresh = made(name, widths=widths)
    shapes = {key: value.shape for key, value in fresh.state_dict().items()}
    assert shapes == {key: value.shape for key, value in pruned.state_dict().items()}
    for module in pruned.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.PReLU)):
            count = module.num_features if isinstance(module, nn.BatchNorm2d) else module.num_parameters
            assert module.weight.shape == (count,)
    names = {node.name for node in trace(fresh.eval()).nodes}
    assert {g.name for g in groups_of(fresh, 3) if g.name not in names} <= {
        f"blocks_{block}_conv{conv}_2" for block in range(2) for conv in (1, 2, 3)
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_narrow_network_starts_as_an_up_scaler(name):
    network = made(name, widths=halves(made(name))).eval()
    x = F.interpolate(torch.rand(1, 3, 4, 4), size=(24, 24), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        found = network(x)
    wanted = F.interpolate(x, scale_factor=2, mode="bilinear")
    # what start.py leaves of random weights, and repeated pixels of abpn and ecbsr
    assert (found - wanted).abs().mean() < 0.03


@pytest.mark.parametrize("name", ["vdsr", "abpn", "unet"])
def test_weights_of_a_narrow_network_start_as_large_as_its_layers_need(name):
    network = made(name, widths=halves(made(name)))
    for path, conv in network.named_modules():
        if isinstance(conv, nn.Conv2d) and path != "conv_out" and conv.weight.numel() > 500:
            expected = (2 / conv.weight[0].numel()) ** 0.5
            assert 0.85 < float(conv.weight.detach().std()) / expected < 1.15, path


def test_groups_by_hand():
    """EDSR: the trunk is one, what is inside of a block its own, a step of up-sampling makes 4 of each."""
    trunk, *inside, up = groups_of(made("edsr"), 3)
    assert [group.name for group in inside] == ["blocks_0_conv1", "blocks_1_conv1"]
    assert (trunk.name, trunk.width, up.name, up.width) == ("conv_in", 12, "up_0", 12)
    assert {member.module for member in trunk.members if member.makes} == {
        "conv_in", "blocks.0.conv2", "blocks.1.conv2", "conv_mid",
    }  # fmt: skip
    (made_by,) = (member for member in up.members if member.makes)
    assert made_by.units[1] == (4, 5, 6, 7)
    assert up.channels == 1
    assert [g.name for g in groups_of(made("residual", blocks=3, channels=8), 3)] == ["conv_in"]


def test_parts_of_grouped_convolutions_stay_of_one_size():
    within = next(g for g in groups_of(made("xlsr"), 3) if g.name == "blocks_0_within")
    assert (within.width, within.channels) == (4, 4)
    assert within.members[0].units[1] == (1, 5, 9, 13)


def test_what_carries_the_picture_is_in_no_group():
    """conv_ext of Residual reads the sum with the picture, conv_out makes its other operand."""
    (group,) = groups_of(made("residual", blocks=2, channels=8), 3)
    assert {m.module for m in group.members if m.makes} == {"conv_in", "conv.0", "conv.1"}
    assert {m.module for m in group.members if not m.makes} == {"conv.0", "conv.1", "conv_out"}


def test_the_network_is_as_it_was():
    network = made("srresnet").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    groups_of(network, 3)
    assert network.training
    assert not [m for m in network.modules() if "forward" in vars(m)]
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_network_without_numbers_has_the_same_shape():
    """As reports count weights."""
    with torch.device("meta"):
        network = made("sesr", widths={"conv_in": 4, "conv_0": 3})
    assert network.conv[0].weight.shape == (3, 4, 3, 3)


def test_luma_has_one_plane():
    network = made("vdsr", colour="luma", widths={"conv_0": 5})
    assert network.conv[0].out_channels == network.conv[1].in_channels == 5
    assert network.conv_in.in_channels == network.conv_out.out_channels == 1


@pytest.mark.parametrize("name", ["sesr", "ecbsr", "fsrcnn"])
def test_what_is_trained_as_several_stays_that(name):
    network = made(name)
    leave_out(network, [(g, [0]) for g in groups_of(network, 3)])
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d) and parametrize.is_parametrized(m)]
    assert convs
    network(torch.rand(1, 3, 8, 8)).square().sum().backward()
    assert all(p.grad is not None for conv in convs for p in conv.parametrizations["weight"].parameters())


def test_sesr_wider_than_its_blocks_is_refused():
    network = SESR(1, 140)
    with pytest.raises(HwrtsError, match="139 channels are more than the 128 maps"):
        leave_out(network, [(g, [0]) for g in groups_of(network, 3)])


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"conv_9": 4}, "'conv_9' is no group; use conv_in, conv_0, conv_1"),
        ({"conv_0": 13}, "conv_0 = 13 is not allowed: use 1..12"),
    ],
)
def test_widths_that_there_are_not_are_refused_before_anything_is_trained(widths, message):
    config = RunConfig.model_validate({"network": {"name": "vdsr", **SMALL["vdsr"], "widths": widths}})
    with pytest.raises(ConfigError, match=message):
        check_settings(config.network, config.qat)


def test_all_channels_named_is_the_network_itself():
    network = made("vdsr", widths={"conv_0": 12})
    torch.manual_seed(0)
    narrow = narrowed(made("vdsr"), {}, 3)
    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in narrow.state_dict().items()
    }
