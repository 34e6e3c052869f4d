"""Networks with less channels than their class makes: of the layers that a group of channels goes through."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwrts.errors import ConfigError
from hwrts.networks.channels import Convolution, Group, groups_of

_SIZED = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.PReLU)
"""Layers whose first numbers depend on their size."""

# Letters of the shape comments: O output and I input channels, K taps.


def narrowed(network: nn.Module, widths: Mapping[str, int], planes: int) -> nn.Module:
    """An untrained network whose groups have these widths, where training starts; changed in place.

    Args:
        network: As its class makes it.
        widths: Units by group (:func:`.groups_of`); groups that are not named keep theirs.
        planes: Channels of the picture.

    Raises:
        ConfigError: A name that is of no group, or a width that it cannot have.
    """
    groups = {group.name: group for group in groups_of(network, planes)}
    for name, width in widths.items():
        if name not in groups:
            raise ConfigError(f"network.widths: {name!r:.80} is no group; use {', '.join(groups):.300}")
        if not 1 <= width <= groups[name].width:
            raise ConfigError(
                f"network.widths: {name} = {width} is not allowed: use 1..{groups[name].width}, what blocks "
                "and channels give"
            )
    leave_out(
        network,
        (
            (groups[name], range(width, groups[name].width))
            for name, width in widths.items()
            if width < groups[name].width
        ),
        trained=False,
    )
    for module in network.modules():
        if isinstance(module, _SIZED) and not parametrize.is_parametrized(module):
            module.reset_parameters()  # what torch gives a layer of this size
    for module in reversed(list(network.modules())):  # what is within first
        getattr(module, "start", lambda: None)()
    return network


@torch.no_grad()
def leave_out(
    network: nn.Module, dropped: Iterable[tuple[Group, Iterable[int]]], *, trained: bool = True
) -> None:
    """Take units out of a network, in place; all other weights stay what they are.

    Args:
        network: The one that the groups are of.
        dropped: Groups, and which of their units.
        trained: Whether its weights are kept: those that are made of other numbers (collapsible blocks) are
            made again of such.

    Raises:
        HwrtsError: Weights that cannot be made of such numbers.
    """
    gone: dict[tuple[str, bool], set[int]] = {}
    for group, units in dropped:
        for member in group.members:
            channels = gone.setdefault((member.module, member.makes), set())
            channels.update(channel for unit in units for channel in member.units[unit])
    for module in {module for module, _ in gone}:
        layer = network.get_submodule(module)
        makes, reads = (gone.get((module, side), set()) for side in (True, False))
        if isinstance(layer, Convolution):
            _shrink(layer, _rest(layer.out_channels, makes), _rest(layer.in_channels, reads), trained=trained)
        else:
            _shrink_numbers(layer, reads)


def _rest(count: int, gone: set[int]) -> Tensor:
    return torch.tensor([channel for channel in range(count) if channel not in gone])


def _shrink(conv: Convolution, outs: Tensor, ins: Tensor, *, trained: bool) -> None:
    """A convolution with these of its output and input channels."""
    made_of = _taken_off(conv)
    weight = conv.weight
    if isinstance(conv, nn.ConvTranspose2d):
        kept = weight[ins][:, outs]  # (I, O, K, K)
    else:
        each = ins[: len(ins) // conv.groups]  # at the same places in each part
        kept = weight[outs][:, each]  # (O, I/groups, K, K)
    conv.weight = nn.Parameter(kept.clone())
    if conv.bias is not None:
        conv.bias = nn.Parameter(conv.bias[outs].clone())
    conv.out_channels, conv.in_channels = len(outs), len(ins)
    for name, kind in made_of.items():
        _put_back(conv, name, kind, trained=trained)


def _taken_off(conv: nn.Module) -> dict[str, Any]:
    """What makes a layer's weight and bias of other numbers, by name; they are plain parameters then."""
    if not parametrize.is_parametrized(conv):
        return {}
    kinds = {name: found[0] for name, found in conv.parametrizations.items()}  # type: ignore[union-attr, operator]
    for name in kinds:
        parametrize.remove_parametrizations(conv, name, leave_parametrized=True)
    return kinds


def _put_back(conv: nn.Module, name: str, kind: Any, *, trained: bool) -> None:
    """Make a layer's weight of other numbers again: where training starts, or such as make the same."""
    kept = getattr(conv, name).detach().clone()
    parametrize.register_parametrization(conv, name, kind, unsafe=True)
    if trained:
        made_of: nn.Module = conv.parametrizations[name]  # type: ignore[index, assignment]
        several = [each for key, each in made_of.named_parameters() if key.startswith("original")]
        new = kind.adopting(kept, *(each.detach() for each in several))
        for own, value in zip(several, [new] if isinstance(new, Tensor) else new, strict=True):
            own.copy_(value)


def _shrink_numbers(layer: nn.Module, gone: set[int]) -> None:
    """A layer of a number for each channel, without some of them."""
    for name, value in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(value[_rest(len(value), gone)].clone()))
    for name, kept in list(layer.named_buffers()):
        if kept.dim():
            setattr(layer, name, kept[_rest(len(kept), gone)].clone())
    for name in ("num_parameters", "num_features"):
        if hasattr(layer, name):
            setattr(layer, name, len(layer.weight))  # type: ignore[arg-type]
