"""Linear layers and norms over channels of each pixel, wherever these have been moved to."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.call import VALUE
from hwrts.graph.places import over_channels
from hwrts.graph.recording import Moved, Recording


def in_each_pixel(recording: Recording, node: fx.Node) -> Moved | None:
    """A linear layer, or a norm, over last dimensions that are channels of a pixel."""
    base = recording.base(node.args[0]) if node.args else None
    if base is None or not isinstance(base.index, Tensor):
        return None
    module = recording.module(node)
    if isinstance(module, nn.LayerNorm) or (module is None and node.target is F.layer_norm):
        return _normed(recording, node, base, module)
    if isinstance(module, nn.Conv1d):
        if base.index.shape[:-1].numel() != 1:
            return None
        weight, bias = _between_channels(module, base.index.shape[-1])
    elif isinstance(module, nn.Linear):
        weight, bias = module.weight, module.bias
    elif module is None and node.target is F.linear:
        weight, bias = recording.given(node, 1, "weight"), recording.given(node, 2, "bias")
    else:
        return None
    return _linear(Arithmetic(recording, node), base, weight, bias)


def _linear(x: Arithmetic, base: Moved, weight: Tensor, bias: Tensor | None) -> Moved:
    """A matrix (O, I) times the last dimension; the same for each of the others that is channels too."""
    shape = base.source.meta[VALUE].shape
    pixels = over_channels(base.index, shape)
    if pixels is not None:
        numbers = [] if bias is None else [x.constant(bias)]
        made = x.call(F.conv2d, base.source, x.constant(weight[:, :, None, None]), *numbers)
        return Moved(made, pixels[..., None] + torch.arange(len(weight)) * (shape[2] * shape[3]))
    last = base.index.dim() - 1
    source, planes, channels = x.groups(base, [last])
    parts = len(channels)
    numbers = [] if bias is None else [x.constant(bias.repeat(parts))]
    made = x.call(
        F.conv2d,
        x.laid(source, channels.flatten().tolist()),
        x.constant(weight.repeat(parts, 1)[:, :, None, None]),
        *numbers,
        **({"groups": parts} if parts > 1 else {}),
    )
    size = (*planes.channels.shape[:-1], len(weight))
    return x.made(
        made,
        (*planes.shape[:-1], len(weight)),
        torch.arange(len(weight) * parts).reshape(size),
        planes.pixels,
    )


def _normed(recording: Recording, node: fx.Node, base: Moved, module: nn.Module | None) -> Moved | None:
    """A norm over the channels of each pixel, in sums, products and roots."""
    if isinstance(module, nn.LayerNorm):
        size: Any = module.normalized_shape
        weight, bias, eps = module.weight, module.bias, module.eps
    else:
        size = recording.argument(node, 1, "normalized_shape")
        weight, bias = recording.given(node, 2, "weight"), recording.given(node, 3, "bias")
        given: Any = recording.argument(node, 4, "eps")
        eps = 1e-5 if given is None else given
    x = Arithmetic(recording, node)
    rank = base.index.dim()
    dims = list(range(rank - len(size), rank))
    apart = x.pair(operator.sub, base, x.mean(base, dims))
    variance = x.mean(x.pair(operator.mul, apart, apart), dims)
    root = x.each(lambda each: x.call(torch.sqrt, x.call(operator.add, each, eps)), variance)
    made = x.pair(operator.truediv, apart, root)
    if weight is not None:
        made = x.pair(operator.mul, made, weight)
    return made if bias is None else x.pair(operator.add, made, bias)


@torch.no_grad()
def _between_channels(conv: nn.Conv1d, channels: int) -> tuple[Tensor, Tensor]:
    """A convolution along the channels of one pixel, as attention has it, as a matrix and a bias."""
    bias = conv(torch.zeros(1, 1, channels, device=conv.weight.device))[0, 0]
    ones = torch.eye(channels, device=conv.weight.device)[:, None]
    return (conv(ones)[:, 0] - bias).T.requires_grad_(conv.weight.requires_grad), bias
