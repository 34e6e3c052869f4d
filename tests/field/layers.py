"""One small module for each layer and spelling that people use: a convolution, the layer, a convolution."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm
from torch.nn.utils.parametrizations import weight_norm

from .parts import C, conv


class Between(nn.Module):
    """conv -> what is tried -> conv, with what it needs as parts of the module."""

    def __init__(self, forward: Callable[[Any, Tensor], Any], inner: int = C, **parts: nn.Module) -> None:
        super().__init__()
        self.first, self.last, self.tried = conv(3, C), conv(inner, 3), forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.tried(self, self.first(x)))


def through(part: nn.Module, inner: int = C) -> nn.Module:
    return Between(lambda s, h: s.part(h), inner, part=part)


class Scaled(nn.Module):
    """A number for each channel, learned or stored."""

    def __init__(self, *, learned: bool) -> None:
        super().__init__()
        value = torch.linspace(0.5, 1.5, C).view(1, C, 1, 1)
        if learned:
            self.value = nn.Parameter(value)
        else:
            self.register_buffer("value", value)


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(0.1 * torch.randn(3, 3, 3, 3)), nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.w, self.b, padding=1)


class MyConv(nn.Conv2d):
    """A subclass that changes defaults alone."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__(i, o, 3, padding=1, bias=False)


class Valid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, C, 3), nn.ReLU(), nn.Conv2d(C, 3, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Normalised(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.net = nn.Sequential(conv(3, C), nn.ReLU(), conv(C, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.std
        x = x + self.net(x)
        return x * self.std + self.mean


class SizeChecked(nn.Module):
    """Pads what is no multiple of 4 and cuts it off again."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = conv(3, C, 3, stride=2), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        pad_h, pad_w = (4 - h % 4) % 4, (4 - w % 4) % 4
        if pad_h or pad_w:
            x = F.pad(x, (0, pad_w, 0, pad_h), mode="reflect")
        return self.up(F.relu(self.down(x)))[..., :h, :w]


class TwoScales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(3, C), conv(C, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = F.relu(self.a(x))
        return {"picture": self.b(h), "features": h}


def _shuffled(h: Tensor) -> Tensor:
    b, c, height, width = h.shape
    return h.view(b, 2, c // 2, height, width).transpose(1, 2).contiguous().view(b, -1, height, width)


_POOLS = {
    "max pooling": lambda s, h: F.interpolate(s.part(h), scale_factor=2),
    "average pooling": lambda s, h: F.interpolate(s.part(h), scale_factor=2, mode="bilinear"),
}

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "F.conv2d with parameters": lambda: nn.Sequential(Functional(), nn.ReLU(), Functional()),
    "subclass of Conv2d": lambda: nn.Sequential(MyConv(3, C), nn.ReLU(), MyConv(C, 3)),
    "grouped": lambda: through(conv(C, C, groups=2)),
    "depthwise separable": lambda: Between(
        lambda s, h: s.part(h), part=nn.Sequential(conv(C, C, groups=C), nn.Conv2d(C, C, 1))
    ),
    "depthwise multiplier 2": lambda: Between(
        lambda s, h: s.part(h), inner=2 * C, part=conv(C, 2 * C, groups=C)
    ),
    "dilated": lambda: through(nn.Conv2d(C, C, 3, padding=2, dilation=2)),
    "same padding": lambda: through(nn.Conv2d(C, C, 5, padding="same")),
    "1x3 and 3x1": lambda: Between(
        lambda s, h: s.part(h),
        part=nn.Sequential(nn.Conv2d(C, C, (1, 3), padding=(0, 1)), nn.Conv2d(C, C, (3, 1), padding=(1, 0))),
    ),
    "even kernel": lambda: Between(lambda s, h: s.part(F.pad(h, (0, 1, 0, 1))), part=nn.Conv2d(C, C, 2)),
    "4x4 stride 2": lambda: Between(
        lambda s, h: F.pixel_shuffle(s.part(h), 2), inner=2, part=nn.Conv2d(C, C, 4, 2, 1)
    ),
    "space to depth by 2x2": lambda: Between(
        lambda s, h: F.pixel_shuffle(s.part(h), 2), inner=2, part=nn.Conv2d(C, C, 2, stride=2)
    ),
    "valid": Valid,
    "reflect padding": lambda: Between(
        lambda s, h: s.part(h), part=nn.Conv2d(C, C, 3, padding=1, padding_mode="reflect")
    ),
    "ReflectionPad2d": lambda: Between(
        lambda s, h: s.part(h), part=nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(C, C, 3))
    ),
    "replicate padding": lambda: Between(
        lambda s, h: s.part(F.pad(h, (2, 2, 2, 2), "replicate")), part=nn.Conv2d(C, C, 5)
    ),
    "transposed 3x3": lambda: Between(
        lambda s, h: s.part(h), part=nn.ConvTranspose2d(C, C, 3, stride=2, padding=1, output_padding=1)
    ),
    "max pooling": lambda: Between(_POOLS["max pooling"], part=nn.MaxPool2d(2)),
    "average pooling": lambda: Between(_POOLS["average pooling"], part=nn.AvgPool2d(2)),
    "batch norm alone": lambda: Between(lambda s, h: F.relu(s.part(h)) + h, part=nn.BatchNorm2d(C)),
    "dropout": lambda: Between(
        lambda s, h: s.part(h), part=nn.Sequential(nn.Dropout2d(0.1), nn.Identity(), nn.Dropout(0.5))
    ),
    "weight norm": lambda: through(weight_norm(conv(C, C))),
    "spectral norm": lambda: through(spectral_norm(conv(C, C))),
    "sum of a list": lambda: Between(lambda s, h: sum([h, s.part(h), F.relu(h)]), part=conv(C, C)),
    "add with alpha": lambda: Between(lambda s, h: torch.add(h, s.part(h), alpha=0.2), part=conv(C, C)),
    "difference": lambda: Between(lambda s, h: h - s.part(h), part=conv(C, C)),
    "constant added": lambda: Between(lambda s, h: F.relu(h + 0.25) - 0.25),
    "one minus": lambda: Between(
        lambda s, h: s.part(h) * torch.sigmoid(h) + h * (1 - torch.sigmoid(h)), part=conv(C, C)
    ),
    "negated": lambda: Between(lambda s, h: torch.cat([F.relu(h), F.relu(-h)], 1), inner=2 * C),
    "divided": lambda: Between(lambda s, h: s.part(h) / 3 + h, part=conv(C, C)),
    "learned scale": lambda: Between(
        lambda s, h: h + s.scale.value * s.part(h), part=conv(C, C), scale=Scaled(learned=True)
    ),
    "stored scale": lambda: Between(lambda s, h: h * s.scale.value, scale=Scaled(learned=False)),
    "normalised by buffers": Normalised,
    "squared ReLU": lambda: Between(lambda s, h: F.relu(h) ** 2),
    "sigmoid": lambda: Between(lambda s, h: h * h.sigmoid()),
    "Softplus": lambda: through(nn.Softplus()),
    "Hardswish": lambda: through(nn.Hardswish()),
    "ELU": lambda: Between(lambda s, h: F.elu(h)),
    "Mish": lambda: through(nn.Mish()),
    "Softsign": lambda: through(nn.Softsign()),
    "SELU": lambda: Between(lambda s, h: F.selu(h)),
    "abs": lambda: Between(lambda s, h: torch.abs(h)),
    "leaky method": lambda: Between(lambda s, h: F.leaky_relu_(h, 0.1)),
    "clamp with one limit": lambda: Between(lambda s, h: h.clamp(min=0)),
    "Hardtanh": lambda: through(nn.Hardtanh()),
    "bicubic": lambda: Between(
        lambda s, h: F.interpolate(h, scale_factor=2, mode="bicubic", align_corners=False)
    ),
    "bilinear x3": lambda: Between(
        lambda s, h: s.part(h), part=nn.Upsample(scale_factor=3, mode="bilinear", align_corners=False)
    ),
    "nearest x3": lambda: through(nn.Upsample(scale_factor=3)),
    "nearest x5": lambda: Between(lambda s, h: F.interpolate(h, scale_factor=(5, 5), mode="nearest")),
    "size of another": lambda: Between(
        lambda s, h: h + F.interpolate(s.part(h), size=h.shape[-2:], mode="bilinear", align_corners=False),
        part=nn.Conv2d(C, C, 3, 2, 1),
    ),
    "size checked": SizeChecked,
    "channel shuffle": lambda: Between(lambda s, h: _shuffled(s.part(h)), part=conv(C, C, groups=2)),
    "pixel unshuffle": lambda: Between(
        lambda s, h: F.pixel_shuffle(s.part(F.pixel_unshuffle(h, 2)), 2), part=conv(4 * C, 4 * C)
    ),
    "split by slices": lambda: Between(
        lambda s, h: torch.cat((s.part(h[:, :4]), h[:, 4:, :, :]), 1), part=conv(4, 4)
    ),
    "mean over channels": lambda: Between(lambda s, h: h * torch.sigmoid(h.mean(1, keepdim=True))),
    "global mean": lambda: Between(
        lambda s, h: h * torch.sigmoid(s.part(h.mean((2, 3), keepdim=True))), part=nn.Conv2d(C, C, 1)
    ),
    "dictionary": TwoScales,
}
"""By what is tried."""
