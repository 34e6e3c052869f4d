"""Convolutions of a step of fine-tuning in whole numbers: what float32 computes of them exactly, sooner.

A convolution whose source has unsigned codes of 8 bits, as all behind a ReLU have, is a sum of products of
bytes, which processors have an instruction for. Its sum is exact either way (eq. 10), so that the values are
equal bit for bit; gradients are those of the float32 convolution, by the same operator of torch.
"""

import platform
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hwrts.fixed_point import Format

_BYTE = 8
"""Bits of the widest codes that it takes."""

ROUNDS = 1.5 * 2.0**23
"""Added to a number of LSB it leaves no bit below one: float32 itself rounds, half to even (eq. 5). Its low
bits are the whole number then."""

_CHANNELS = 16
"""Of fewer channels float32 is sooner done: 8 pictures of 64x64, 3 to 12 channels, 0.26 ms, not 0.35."""

_NUMBERS = 1 << 17
"""And of fewer numbers: packing the weights takes as long as the products."""

_PROBED = ((3, 32), (32, 3), (48, 64))
"""Input and output channels of what is tried first; kernels of processors differ by them. Of more inputs not
all sums of the largest codes are exact in float32."""

_MEASURED = ("x86_64", "amd64")
"""Processors on which it was sooner. Elsewhere sums may be exact by oneDNN's plain loops, far slower."""


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor, codes: Tensor | None, lsb: Tensor, source: Format, conv: Any
) -> Tensor:
    """What a convolution makes of a tensor on its grid, float32 (N, O, H', W').

    Args:
        x: (N, I, H, W), on the grid of ``source``.
        weight: (O, I/groups, K, K), on its grid.
        bias: (O,), on its grid.
        codes: Those of the weights, whole numbers up to 127 in float32; None if a number of the network is
            not finite, which has none.
        lsb: Of the weights of each channel, (O,), powers of two.
        source: Format of ``x``.
        conv: Has stride, padding, dilation, groups.
    """
    if codes is not None and _is_of_bytes(source, conv) and _is_worth_it(x) and _is_exact_here():
        made: Tensor = _Convolve.apply(x, weight, bias, codes, lsb, source, conv)  # type: ignore[no-untyped-call]
        return made
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def _is_of_bytes(source: Format, conv: Any) -> bool:
    """What torch's operator takes: sources without a sign, and no groups as only some kernels have them."""
    return source.bits <= _BYTE and not source.signed and conv.groups == 1


def _is_worth_it(x: Tensor) -> bool:
    """Many numbers, channels last: otherwise every tensor is laid out anew before and behind."""
    last = x.stride(1) == 1 and x.is_contiguous(memory_format=torch.channels_last)
    return x.device.type == "cpu" and last and x.shape[1] >= _CHANNELS and x.numel() >= _NUMBERS


class _Convolve(torch.autograd.Function):
    """Forward in bytes, backward as torch's own."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        codes: Tensor,
        lsb: Tensor,
        source: Format,
        conv: Any,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.conv = conv
        return _in_bytes(_bytes(x, source), codes, lsb, bias, 2.0**-source.frac, conv)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        conv, wanted = ctx.conv, list(ctx.needs_input_grad[:3])
        made = torch.ops.aten.convolution_backward(
            gradient,
            x,
            weight,
            [len(weight)],
            conv.stride,
            conv.padding,
            conv.dilation,
            False,
            [0, 0],
            conv.groups,
            wanted,
        )
        return (*made, None, None, None, None)


def _bytes(x: Tensor, source: Format) -> Tensor:
    """The codes of a tensor on its grid, laid out as it is."""
    made = torch.empty_like(x, dtype=torch.uint8)
    # Whole numbers lose their upper bits; of float32 itself the conversion to bytes takes five times as long.
    return made.copy_((x + ROUNDS * 2.0**-source.frac).view(torch.int32))


def _in_bytes(x: Tensor, codes: Tensor, lsb: Tensor, bias: Tensor, x_lsb: float, conv: Any) -> Tensor:
    """The convolution of bytes that oneDNN has, its sums of int32 made float32."""
    stride, padding, dilation = list(conv.stride), list(conv.padding), list(conv.dilation)
    ops = torch.ops.onednn
    packed = ops.qconv_prepack(
        codes.to(torch.int8), lsb, x_lsb, 0, stride, padding, dilation, conv.groups, list(x.shape)
    )
    zeros = torch.zeros(len(lsb), dtype=torch.int64, device=x.device)
    made: Tensor = ops.qconv2d_pointwise(
        x,
        x_lsb,
        0,
        packed,
        lsb,
        zeros,
        bias,
        stride,
        padding,
        dilation,
        conv.groups,
        1.0,
        0,
        torch.float32,
        "none",
        [],
        "",
    )
    return made


@cache
def _is_exact_here() -> bool:
    """Whether this torch has the operator, and this processor, of a kind that was measured, loses no bit.

    Those without the instruction add pairs in 16 bits, which the largest codes pass, or halve the weights
    first. The operator is none that torch promises to keep: what is missing or other is not used.
    """
    return platform.machine().lower() in _MEASURED and all(_agrees(*channels) for channels in _PROBED)


@torch.no_grad()
def _agrees(inputs: int, outputs: int) -> bool:
    """Of codes at their ends, and of any; nothing is drawn from the generator that trainings share."""
    source, draw = Format(False, _BYTE, _BYTE), torch.Generator().manual_seed(0)
    conv = SimpleNamespace(stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1)
    kind: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}  # whatever a user has as default
    x = torch.randint(0, 256, (2, inputs, 12, 12), generator=draw, **kind)
    codes = torch.randint(-127, 128, (outputs, inputs, 3, 3), generator=draw, **kind)
    x[0], codes[::2] = 255, 127
    x = (x / 256).contiguous(memory_format=torch.channels_last)
    lsb = 2.0 ** -torch.arange(7, 7 + outputs, **kind).remainder(5)
    bias = torch.randint(-999, 1000, (outputs,), generator=draw, **kind) * lsb / 256
    expected = F.conv2d(x, codes * lsb.reshape(-1, 1, 1, 1), bias, padding=1)
    try:
        return torch.equal(_in_bytes(_bytes(x, source), codes, lsb, bias, 1 / 256, conv), expected)
    except (AttributeError, RuntimeError):  # torch without oneDNN, or with another form of the operator
        return False
