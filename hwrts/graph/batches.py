"""Layers of frames that stand in the batch dimension: one layer of all their channels."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.batch_norm import gain_and_offset
from hwrts.graph.operators.call import VALUE
from hwrts.graph.planes import Planes
from hwrts.graph.recording import Moved, Recording

_CHANNEL_BY_CHANNEL = (
    *(nn.MaxPool2d, nn.AvgPool2d, nn.Upsample, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.ZeroPad2d, nn.ReplicationPad2d, nn.ReflectionPad2d, nn.Dropout2d),
)
_CHANNEL_BY_CHANNEL_FUNCTIONS: tuple[Any, ...] = (
    *(F.max_pool2d, torch.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.interpolate, F.pad),
)
"""What computes each channel alone."""
_CONVOLUTIONS: tuple[Any, ...] = (F.conv2d, torch.conv2d)
_ARGUMENTS = (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1))
_ROWS_AND_COLUMNS = 2
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def in_each_frame(recording: Recording, node: fx.Node) -> Moved | None:
    """A layer of pictures that stand in the batch dimension, or in none."""
    operand = node.args[0] if node.args else None
    if not isinstance(operand, fx.Node) or operand not in recording.moved:
        return None
    base = recording.moved[operand]
    if not isinstance(base.index, Tensor) or recording.landing(operand) is not None:
        return None
    module = recording.module(node)
    x = Arithmetic(recording, node)
    if isinstance(module, _NORMS):
        return _normed(x, base, module)
    if base.index.dim() not in (3, 4):
        return None
    if type(module) is nn.Conv2d or (module is None and node.target in _CONVOLUTIONS):
        return _convolved(recording, node, x, base, module)
    if isinstance(module, nn.PReLU) and base.index.dim() == len("NCHW"):
        source, planes = _frames(x, base)
        slopes = module.weight.expand(planes.shape[1]).repeat(planes.shape[0])
        return _back(x.call(F.prelu, source, x.constant(slopes)), planes.shape[:-2])
    if isinstance(module, _CHANNEL_BY_CHANNEL) or node.target in _CHANNEL_BY_CHANNEL_FUNCTIONS:
        source, planes = _frames(x, base)
        made = recording.call(node, node.op, node.target, (source, *node.args[1:]), node.kwargs)
        return _back(made, planes.shape[:-2])
    return None


def _frames(x: Arithmetic, base: Moved) -> tuple[fx.Node, Planes]:
    """One picture of the channels of all frames."""
    source, planes = x.planes(base)
    if not planes.natural():
        raise ValueError("rows and columns are no picture's")
    channels = planes.channels.expand(*planes.shape[:-2], 1, 1)
    return x.laid(source, channels.flatten().tolist()), planes


def _back(made: fx.Node, frames: torch.Size) -> Moved:
    """The channels of one picture as those of frames."""
    shape = made.meta[VALUE].shape
    first = (*frames[:-1], shape[1] // frames[:-1].numel())
    return Moved(made, torch.arange(shape.numel()).reshape(*first, *shape[2:]))


def _convolved(
    recording: Recording, node: fx.Node, x: Arithmetic, base: Moved, module: nn.Module | None
) -> Moved | None:
    """A convolution of each frame: one of as many times the groups, with the same weights again and again."""
    source, planes = _frames(x, base)
    frames = planes.shape[:-3].numel()
    if isinstance(module, nn.Conv2d):
        weight, bias = module.weight, module.bias
        given = {name: getattr(module, name) for name, _ in _ARGUMENTS}
        if module.padding_mode != "zeros":
            sides = module._reversed_padding_repeated_twice
            source = x.call(F.pad, source, sides, module.padding_mode)
            given["padding"] = 0
    else:
        weight, bias = recording.given(node, 1, "weight"), recording.given(node, 2, "bias")
        named = [
            (name, recording.argument(node, i, name), least) for i, (name, least) in enumerate(_ARGUMENTS, 3)
        ]
        given = {name: least if each is None else each for name, each, least in named}
    given["groups"] *= frames
    offset = None if bias is None else x.constant(bias.repeat(frames))
    made = x.call(F.conv2d, source, x.constant(weight.repeat(frames, 1, 1, 1)), offset, **given)
    return _back(made, planes.shape[:-2])


def _normed(x: Arithmetic, base: Moved, norm: Any) -> Moved:
    """Batch norm of stored statistics: a factor and an offset along the second dimension."""
    ones = (1,) * (base.index.dim() - 2)
    if norm.running_mean is None:
        raise ValueError("no statistics")
    gain, offset = (each.float() for each in gain_and_offset(norm))
    return x.pair(
        operator.add, x.pair(operator.mul, base, gain.reshape(-1, *ones)), offset.reshape(-1, *ones)
    )
