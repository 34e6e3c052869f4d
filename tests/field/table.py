"""One small module for each part of each row of the operators that the door promises."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks import FixedUpsample

C = 4
"""Channels: the operator is the point, not the size."""


class Tried(nn.Module):
    """conv -> what is tried -> conv, with what it needs as parts of the module."""

    def __init__(self, tried: Callable[[Any, Tensor], Any], inner: int = C, **parts: nn.Module) -> None:
        super().__init__()
        self.first, self.last, self.tried = nn.Conv2d(3, C, 1), nn.Conv2d(inner, 3, 1), tried
        self.gain = nn.Parameter(torch.linspace(0.5, 1.5, C).view(1, C, 1, 1))
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.tried(self, self.first(x)))


def of(part: Callable[[], nn.Module], inner: int = C) -> Callable[[], nn.Module]:
    return lambda: Tried(lambda s, h: s.part(h), inner, part=part())


def by(tried: Callable[[Any, Tensor], Any], inner: int = C) -> Callable[[], nn.Module]:
    return lambda: Tried(tried, inner)


def conv(kernel: Any, **settings: Any) -> Callable[[], nn.Module]:
    return of(lambda: nn.Conv2d(C, C, kernel, **settings))


def blur() -> nn.Module:
    taps = torch.tensor([1.0, 2.0, 1.0])
    made = nn.Conv2d(C, C, 3, padding=1, groups=C, bias=False)
    made.weight.data = (taps[:, None] * taps / 16).expand(C, 1, 3, 3).clone()
    return made.requires_grad_(False)


def larger(mode: str, factor: int) -> Callable[[], nn.Module]:
    return of(lambda: nn.Upsample(scale_factor=factor, mode=mode))


def excited() -> nn.Module:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(C, 2, 1), nn.ReLU(), nn.Conv2d(2, C, 1), nn.Sigmoid()
    )


def normed(h: Tensor) -> Tensor:
    mean = h.mean(1, keepdim=True)
    return (h - mean) / torch.sqrt((h - mean).pow(2).mean(1, keepdim=True) + 1e-3)


TABLE: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "grouped, depthwise, strided, dilated, asymmetric and even kernels, own padding": {
        "grouped": conv(3, padding=1, groups=2),
        "depthwise": conv(3, padding=1, groups=C),
        "strided": conv(3, padding=1, stride=2),
        "dilated": conv(3, padding=2, dilation=2),
        "1x3": conv((1, 3), padding=(0, 1)),
        "5x1": conv((5, 1), padding=(2, 0)),
        "even": conv(4, padding=1, stride=2),
        "valid": conv(3),
        "F.pad": of(lambda: nn.Sequential(nn.ZeroPad2d((2, 0, 1, 1)), nn.Conv2d(C, C, 3))),
    },
    "transposed convolution": {
        "2x2": of(lambda: nn.ConvTranspose2d(C, C, 2, stride=2)),
        "3x3": of(lambda: nn.ConvTranspose2d(C, C, 3, stride=2, padding=1, output_padding=1)),
    },
    "average pooling by 2 and 4, fixed blurs": {
        "by 2": of(lambda: nn.AvgPool2d(2)),
        "by 4": of(lambda: nn.AvgPool2d(4)),
        "of 3x3, same size": of(lambda: nn.AvgPool2d(3, 1, 1)),
        "of 5x5 by 2": of(lambda: nn.AvgPool2d(5, 2, 2)),
        "blur": of(blur),
    },
    "max pooling": {
        "2x2": of(lambda: nn.MaxPool2d(2)),
        "3x3": of(lambda: nn.MaxPool2d(3, 1, 1)),
    },
    "concat, slice, split, chunk, channel shuffle": {
        "concat": by(lambda s, h: torch.cat([h, F.relu(h)], 1), 2 * C),
        "slice": by(lambda s, h: h[:, 1:3], 2),
        "split": by(lambda s, h: sum(h.split([2, 2], 1)), 2),
        "chunk": by(lambda s, h: torch.cat(h.chunk(2, 1)[::-1], 1)),
        "channel shuffle": of(lambda: nn.ChannelShuffle(2)),
    },
    "product of two tensors": {
        "gate": by(lambda s, h: h[:, :2] * torch.sigmoid(h[:, 2:]), 2),
        "square": by(lambda s, h: h * h),
        "one channel": by(lambda s, h: h * h[:, :1]),
    },
    "subtraction, constants, parameters, (x - mean) / std": {
        "subtraction": by(lambda s, h: h - F.relu(h)),
        "constant": by(lambda s, h: F.relu(F.relu(h + 0.25) - 0.125)),
        "parameter added": by(lambda s, h: F.relu(F.relu(h) + s.gain)),
        "mean and std": by(lambda s, h: (h - 0.45) / 0.225),
        "parameter multiplied": by(lambda s, h: h + s.gain * F.relu(h)),
    },
    "clip inside": {
        "ReLU6": of(nn.ReLU6),
        "Hardtanh": of(lambda: nn.Hardtanh(-0.4, 0.3)),
        "clamp(min=0)": by(lambda s, h: h.clamp(min=0)),
        "clamp": by(lambda s, h: h.clamp(-0.2, 0.3)),
    },
    "ReLU anywhere": {
        "two readers": by(lambda s, h: F.relu(h) + h),
        "behind a shuffle": by(lambda s, h: F.relu(F.pixel_shuffle(h, 2)), 1),
        "pre-activation": by(lambda s, h: s.first.weight.mean() * h + F.relu(h[:, :])),
    },
    "a function of each value": {
        "sigmoid": of(nn.Sigmoid),
        "tanh": of(nn.Tanh),
        "GELU": of(nn.GELU),
        "SiLU": of(nn.SiLU),
        "Hardswish": of(nn.Hardswish),
        "Hardsigmoid": of(nn.Hardsigmoid),
        "ELU": of(nn.ELU),
        "Mish": of(nn.Mish),
        "softplus": of(nn.Softplus),
        "exp": by(lambda s, h: torch.exp(h)),
        "reciprocal": by(lambda s, h: 1 / (h.sigmoid() + 0.5)),
        "square root": by(lambda s, h: torch.sqrt(h.sigmoid())),
        "pointwise": by(lambda s, h: torch.sin(h)),
    },
    "pixel unshuffle": {
        "by 2": of(lambda: nn.PixelUnshuffle(2), 4 * C),
        "and back": by(lambda s, h: F.pixel_shuffle(F.relu(F.pixel_unshuffle(h, 2)), 2)),
    },
    "reflect and replicate padding": {
        "reflect": conv(3, padding=1, padding_mode="reflect"),
        "replicate": conv(3, padding=1, padding_mode="replicate"),
    },
    "bilinear and nearest by 2 to 8, bicubic, up-sampling to a size": {
        "nearest x2": larger("nearest", 2),
        "nearest x8": larger("nearest", 8),
        "bilinear x2": larger("bilinear", 2),
        "bilinear x3": larger("bilinear", 3),
        "bicubic, a = -1/2": of(lambda: FixedUpsample("bicubic", 2)),
        "bicubic, a = -3/4": larger("bicubic", 2),
        "to any size": by(
            lambda s, h: h + F.interpolate(F.max_pool2d(h[..., 2:-2, 2:-2], 3), h.shape[2:], mode="bilinear")
        ),
        "align_corners": of(lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)),
        "to a size": by(
            lambda s, h: h + F.interpolate(F.max_pool2d(h, 2), size=h.shape[2:], mode="bilinear")
        ),
    },
    "global average pooling, squeeze-and-excite, LayerNorm over channels": {
        "global average": by(lambda s, h: h - h.mean((2, 3), keepdim=True)),
        "squeeze-and-excite": lambda: Tried(lambda s, h: h * s.part(h), part=excited()),
        "mean of rows": by(lambda s, h: h * torch.sigmoid(h.mean(3, keepdim=True))),
        "largest of columns": by(lambda s, h: h - h.amax(2, keepdim=True)),
        "InstanceNorm": of(lambda: nn.InstanceNorm2d(C, affine=True)),
        "GroupNorm": of(lambda: nn.GroupNorm(2, C)),
        "LayerNorm": by(lambda s, h: normed(h)),
    },
}
"""By row of the table, and by part of the row."""
