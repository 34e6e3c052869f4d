"""One small module for each way to move values in space: written, interleaved, shifted, resized."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .table import by


def wavelet(h: Tensor) -> Tensor:
    a, b, c, d = (0.5 * h[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
    return torch.cat((a + b + c + d, a - b + c - d), 1)


def inverse(h: Tensor) -> Tensor:
    out = torch.zeros(h.shape[0], 1, 2 * h.shape[2], 2 * h.shape[3])
    a, b, c, d = torch.chunk(h, 4, 1)
    out[:, :, 0::2, 0::2], out[:, :, 0::2, 1::2] = a - b, a + b
    out[:, :, 1::2, 0::2], out[:, :, 1::2, 1::2] = c - d, c + d
    return out


def written_shifts(h: Tensor) -> Tensor:
    out = torch.zeros_like(h)
    out[:, :1, :, 1:] = h[:, :1, :, :-1]
    out[:, 1:2, :-2] = h[:, 1:2, 2:]
    out[:, 2:] = h[:, 2:]
    return out


def written_channels(h: Tensor) -> Tensor:
    y = h.clone()
    y[:, 1:3] = h[:, :2] * 0.5
    y[:, 3:] += h[:, :1]
    return y


def copied(h: Tensor) -> Tensor:
    state = torch.zeros(h.size())
    state.copy_(h)
    return state + F.relu(h)


def masked(h: Tensor) -> Tensor:
    rows = torch.arange(h.shape[2]).view(1, 1, -1, 1) % 2 == 0
    return torch.where(rows, h, F.relu(h)).masked_fill(rows & rows.flip(0), 0.0)


def pieces(h: Tensor) -> Tensor:
    even, odd = (torch.stack(each, 4).flatten(3) for each in ((h, -h), (0.5 * h, h)))
    return torch.stack([even, odd], 3).flatten(2, 3)


def mirrored(h: Tensor) -> Tensor:
    padded = F.pad(h, (2, 2, 2, 2), "reflect")
    return torch.cat([padded[:, :, i:, 3:-1][:, :, : h.shape[2]] for i in (0, 3)], 1)


def zeros_between(h: Tensor) -> Tensor:
    y = torch.cat([h, torch.zeros_like(h)], 3).view(*h.shape[:2], 2 * h.shape[2], h.shape[3])
    y = y.permute(0, 1, 3, 2)
    y = torch.cat([y, torch.zeros_like(y)], 3).view(*h.shape[:2], 2 * h.shape[3], 2 * h.shape[2])
    return y.permute(0, 1, 3, 2)


def windows(h: Tensor) -> Tensor:
    return F.unfold(h[:, :1], 3, padding=1).view(h.shape[0], 9, *h.shape[2:])


def bayer(h: Tensor) -> Tensor:
    mask = torch.zeros(1, 4, *h.shape[2:])
    mask[:, 0, ::2, ::2], mask[:, 1, ::2, 1::2], mask[:, 2, 1::2, ::2] = 1, 0.5, 2
    return h * mask - mask


class Turned(nn.Module):
    """A blind-spot network: above, and by flips and turns below and beside."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, (3, 1), padding=(1, 0))
        self.last = nn.Conv2d(12, 3, 1)

    def above(self, x: Tensor) -> Tensor:
        for conv in (self.a, self.b):
            x = F.leaky_relu(conv(F.pad(x, (0, 0, 1, 0)))[:, :, : x.shape[2]], 0.125)
        return F.pad(x, (0, 0, 1, 0))[:, :, :-1]

    def forward(self, x: Tensor) -> Tensor:
        below = self.above(x.flip(-2)).flip(-2)
        beside = torch.rot90(self.above(torch.rot90(x, 1, (2, 3))), -1, (2, 3))
        return self.last(torch.cat([self.above(x), below, beside], 1))


PLACES: dict[str, Callable[[], nn.Module]] = {
    "every second row and column": by(lambda s, h: wavelet(h), 8),
    "an inverse wavelet, written": by(lambda s, h: inverse(h), 1),
    "shifts, written into zeros": by(lambda s, h: written_shifts(h)),
    "channels, written": by(lambda s, h: written_channels(h)),
    "a state, copied": by(lambda s, h: copied(h)),
    "a choice by a constant": by(lambda s, h: masked(h)),
    "rows and columns of several, interleaved": by(lambda s, h: pieces(h)),
    "zeros between pixels": by(lambda s, h: zeros_between(h)),
    "windows": by(lambda s, h: windows(h), 9),
    "edges copied by a shift": by(lambda s, h: F.pad(h, (2, 0, 0, 1), "replicate")[:, :, 1:, :-2].abs()),
    "mirrored edges": by(lambda s, h: mirrored(h), 8),
    "a Bayer pattern": by(lambda s, h: bayer(h)),
    "turned and turned back": Turned,
    "bilinear by 3/2": by(lambda s, h: F.interpolate(h, scale_factor=1.5, mode="bilinear")),
    "bicubic by 2/3": by(lambda s, h: F.interpolate(h, scale_factor=2 / 3, mode="bicubic")),
    "nearest by 3/4": by(lambda s, h: F.interpolate(h, scale_factor=0.75)),
    "bicubic by 1/2": by(lambda s, h: F.interpolate(h, scale_factor=0.5, mode="bicubic")),
    "bicubic by 1/3": by(lambda s, h: F.interpolate(h, scale_factor=1 / 3, mode="bicubic")),
}
