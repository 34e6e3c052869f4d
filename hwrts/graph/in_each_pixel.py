"""Linear layers and norms over the channels of each pixel, wherever these have been moved to."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.operators.call import VALUE
from hwrts.graph.places import over_channels
from hwrts.graph.recording import Moved, Recording


def in_each_pixel(recording: Recording, node: fx.Node) -> Moved | None:
    """A linear layer, or a norm, of the channels of each pixel, wherever these have been moved to."""
    base = recording.moved.get(node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else None
    if base is None or not isinstance(base.index, Tensor):
        return None
    shape = base.source.meta[VALUE].shape
    pixels = over_channels(base.index, shape)
    if pixels is None:
        return None
    module = recording.module(node)
    if isinstance(module, nn.LayerNorm) or node.target is F.layer_norm:
        return Moved(_normed(recording, node, base.source, module), base.index)
    if isinstance(module, nn.Conv1d):
        if base.index.shape[:-1].numel() != 1:
            return None
        weight, bias = _between_channels(module, shape[1])
    elif isinstance(module, nn.Linear):
        weight, bias = module.weight, module.bias
    elif node.target is F.linear:
        weight, bias = recording.given(node, 1, "weight"), recording.given(node, 2, "bias")
    else:
        return None
    numbers = [recording.constant(node, weight[:, :, None, None])]
    if bias is not None:
        numbers.append(recording.constant(node, bias))
    made = recording.call(node, "call_function", F.conv2d, (base.source, *numbers), {})
    index = pixels[..., None] + torch.arange(len(weight)) * (shape[2] * shape[3])
    return Moved(made, index)


def _normed(recording: Recording, node: fx.Node, x: fx.Node, module: nn.Module | None) -> fx.Node:
    """A norm over the channels of each pixel, in sums, products and roots."""
    if isinstance(module, nn.LayerNorm):
        weight, bias = module.weight, module.bias
        eps: Any = module.eps
    else:
        weight, bias = recording.given(node, 2, "weight"), recording.given(node, 3, "bias")
        eps = node.args[4] if len(node.args) > 4 else node.kwargs.get("eps", 1e-5)

    def call(function: Any, *args: Any, **kwargs: Any) -> fx.Node:
        op = "call_method" if isinstance(function, str) else "call_function"
        return recording.call(node, op, function, args, kwargs)

    apart = call(operator.sub, x, call("mean", x, 1, keepdim=True))
    variance = call("mean", call(operator.mul, apart, apart), 1, keepdim=True)
    made = call(operator.truediv, apart, call(torch.sqrt, call(operator.add, variance, eps)))
    if weight is not None:
        made = call(operator.mul, made, recording.constant(node, weight.reshape(1, -1, 1, 1)))
    if bias is not None:
        made = call(operator.add, made, recording.constant(node, bias.reshape(1, -1, 1, 1)))
    return made


@torch.no_grad()
def _between_channels(conv: nn.Conv1d, channels: int) -> tuple[Tensor, Tensor]:
    """A convolution along the channels of one pixel, as attention has it, as a matrix and a bias."""
    bias = conv(torch.zeros(1, 1, channels, device=conv.weight.device))[0, 0]
    ones = torch.eye(channels, device=conv.weight.device)[:, None]
    return (conv(ones)[:, 0] - bias).T.requires_grad_(conv.weight.requires_grad), bias
