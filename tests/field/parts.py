"""What several of the networks are made of."""

from typing import Any

import torch
from torch import Tensor, nn

C = 8
"""Channels of most layers: the form is the point, not the size."""


def conv(i: int, o: int, k: int = 3, **settings: Any) -> nn.Conv2d:
    settings.setdefault("padding", k // 2)
    return nn.Conv2d(i, o, k, **settings)


class MeanShift(nn.Conv2d):
    def __init__(self, rgb_range: float, sign: int = -1) -> None:
        super().__init__(3, 3, kernel_size=1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias.data = sign * rgb_range * torch.tensor([0.4488, 0.4371, 0.4040])
        for p in self.parameters():
            p.requires_grad = False


class ResBlock(nn.Module):
    def __init__(self, c: int = C, res_scale: float = 0.1) -> None:
        super().__init__()
        self.body, self.res_scale = nn.Sequential(conv(c, c), nn.ReLU(True), conv(c, c)), res_scale

    def forward(self, x: Tensor) -> Tensor:
        res = self.body(x).mul(self.res_scale)
        res += x
        return res


class CALayer(nn.Module):
    def __init__(self, channel: int, reduction: int = 4) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv_du = nn.Sequential(
            nn.Conv2d(channel, channel // reduction, 1, padding=0, bias=True),
            nn.ReLU(inplace=True),
            nn.Conv2d(channel // reduction, channel, 1, padding=0, bias=True),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.avg_pool(x)
        y = self.conv_du(y)
        return x * y
