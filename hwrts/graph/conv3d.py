"""Convolutions over frames: one of the frames that each frame of the result reads, in groups."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.graph.arithmetic import Arithmetic
from hwrts.graph.operators.call import VALUE
from hwrts.graph.recording import Moved, Recording


def over_frames(recording: Recording, node: fx.Node) -> Moved | None:
    """A Conv3d of (1, C, T, H, W): every frame of the result is a group of its own.

    A frame in front of the first or behind the last is any other with weights of 0.
    """
    module = recording.module(node)
    base = recording.base(node.args[0]) if node.args else None
    if type(module) is not nn.Conv3d or base is None or not isinstance(base.index, Tensor):
        return None
    rank = base.index.dim()
    if (
        (rank == len("NCTHW") and len(base.index) != 1)
        or rank not in (4, 5)
        or module.padding_mode != "zeros"
    ):
        return None
    padding: Any = module.padding
    if isinstance(padding, str):
        padding = [
            (size - 1) * d // 2 if padding == "same" else 0
            for size, d in zip(module.kernel_size, module.dilation, strict=True)
        ]
    x = Arithmetic(recording, node)
    source, planes = x.planes(base)
    if not planes.natural():
        return None
    inputs, frames = planes.shape[-4:-2]
    channels = planes.channels.expand(*planes.shape[:-2], 1, 1).reshape(inputs, frames)
    rows = module.kernel_size[0]
    count = (frames + 2 * padding[0] - (rows - 1) * module.dilation[0] - 1) // module.stride[0] + 1
    first = torch.arange(count) * module.stride[0] - padding[0]
    read = first[:, None] + torch.arange(rows) * module.dilation[0]  # (T', KT)
    there = (read >= 0) & (read < frames)
    order = channels[:, read.clamp(0, frames - 1)].transpose(0, 1)  # (T', C, KT)
    weight = (module.weight[None] * there[:, None, None, :, None, None]).flatten(0, 1).flatten(1, 2)
    bias = None if module.bias is None else x.constant(module.bias.repeat(count))
    made = x.call(
        F.conv2d,
        x.laid(source, order.flatten().tolist()),
        x.constant(weight),
        bias,
        stride=module.stride[1:],
        padding=tuple(padding[1:]),
        dilation=module.dilation[1:],
        groups=count * module.groups,
    )
    size = made.meta[VALUE].shape
    index = torch.arange(size.numel()).reshape(count, -1, *size[2:]).transpose(0, 1)
    return Moved(made, index if rank == len("CTHW") else index[None])
