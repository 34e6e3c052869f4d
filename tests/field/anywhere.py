"""Networks that keep channels in other dimensions than the second: stacks, tokens, parts, frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .parts import C, conv


class SelectiveKernels(nn.Module):
    """SKFF of MIRNet: branches of a stack, weighed by a softmax over them of what the picture is like."""

    def __init__(self, branches: int = 3) -> None:
        super().__init__()
        self.entry, self.exit = conv(3, C), conv(C, 3)
        self.branches = nn.ModuleList(
            nn.Conv2d(C, C, 3, padding=d, dilation=d) for d in range(1, branches + 1)
        )
        self.squeeze = nn.Sequential(nn.Conv2d(C, 4, 1, bias=False), nn.PReLU())
        self.excite = nn.ModuleList(nn.Conv2d(4, C, 1, bias=False) for _ in range(branches))

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry(x)
        n, c, height, width = h.shape
        stacked = torch.cat([each(h) for each in self.branches], 1).view(n, -1, c, height, width)
        z = self.squeeze(F.adaptive_avg_pool2d(stacked.sum(1), 1))
        weights = torch.cat([each(z) for each in self.excite], 1).view(n, -1, c, 1, 1).softmax(1)
        return x + self.exit((stacked * weights).sum(1))


class TokenNorm(nn.Module):
    """A block between to_3d and to_4d, as Restormer has it, with its two norms written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.exit = conv(3, C), conv(C, 3)
        self.gain, self.offset = nn.Parameter(torch.ones(C)), nn.Parameter(torch.zeros(C))
        self.wide, self.narrow = nn.Linear(C, 2 * C), nn.Linear(2 * C, C)

    def norm(self, x: Tensor, bias: bool) -> Tensor:
        sigma = x.var(-1, keepdim=True, unbiased=False)
        mean = x.mean(-1, keepdim=True)
        root = torch.sqrt(sigma + 1e-3)
        return (x - mean) / root * self.gain + self.offset if bias else x / root * self.gain

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry(x)
        y = h.flatten(2).transpose(1, 2)
        y = y + self.narrow(F.gelu(self.wide(self.norm(y, bias=False))))
        y = self.norm(y, bias=True)
        return x + self.exit(y.transpose(1, 2).view(h.shape))


class KernelPrediction(nn.Module):
    """Kernels of each pixel over shifted frames, as KPN applies them: a product that is summed up."""

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        self.groups = groups
        self.entry, self.exit = conv(3, C), conv(C, 3)
        self.shifts = nn.ModuleList(conv(C, C, groups=C) for _ in range(3))
        self.kernels = nn.Conv2d(C, 3 * groups, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry(x)
        n, c, height, width = h.shape
        windows = torch.stack([shift(h) for shift in self.shifts], 2)
        windows = windows.view(n, self.groups, c // self.groups, 3, height, width)
        kernels = self.kernels(h).view(n, self.groups, 1, 3, height, width).softmax(3)
        return x + self.exit((windows * kernels).sum(3).view(n, c, height, width))


class FramesInBatch(nn.Module):
    """The same layers for each of three frames, which then meet in a convolution over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.norm = conv(3, 4), nn.BatchNorm2d(4)
        self.over = nn.Conv3d(4, C, (3, 3, 3), padding=1)
        self.exit = nn.Conv2d(3 * C, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        h = F.leaky_relu(self.norm(self.entry(x.view(n * 3, 3, height, width))), 0.1)
        h = self.over(h.view(n, 3, 4, height, width).transpose(1, 2)).relu()
        made = F.pixel_shuffle(self.exit(h.transpose(1, 2).reshape(n, -1, height, width)), 2)
        return made + F.interpolate(x[:, 3:6], scale_factor=2, mode="bilinear")


class ChannelSpatial(nn.Module):
    """CSAM of HAN, a convolution along channels, and a guide curve of HDRNet, a sum over slopes."""

    def __init__(self, slopes: int = 4) -> None:
        super().__init__()
        self.entry, self.exit = conv(3, C), conv(C, 3)
        self.along = nn.Conv3d(1, 1, 3, padding=1)
        self.starts = nn.Parameter(torch.linspace(-0.5, 0.5, slopes).repeat(1, C, 1, 1, 1))
        self.slopes = nn.Parameter(torch.rand(1, C, 1, 1, slopes) / slopes)

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry(x)
        gate = torch.sigmoid(self.along(h.unsqueeze(1))).squeeze(1)
        curve = torch.sum(self.slopes * F.relu(h.unsqueeze(4) - self.starts), dim=4)
        return x + self.exit(gate * curve)


class MixedInPixels(nn.Module):
    """Groups of channels that are mixed in each pixel: matrices, einsum, norms and maxima of parts."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.exit = conv(3, 8), conv(8, 3)
        self.matrix, self.mix = nn.Conv2d(8, 8, 1), nn.Parameter(torch.rand(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry(x)
        n, _, height, width = h.shape
        parts = h.view(n, 2, 4, height, width)
        dynamic = torch.einsum("bijhw,bjkhw->bikhw", parts, self.matrix(h).view(n, 4, 2, height, width))
        parts = parts / (parts.norm(dim=2, keepdim=True) + 0.25)
        static = torch.einsum("bgchw,gc->bghw", parts, self.mix)
        largest = parts.amax(2).repeat_interleave(4, 1) - parts.std(2).repeat_interleave(4, 1)
        joined = torch.cat([dynamic.flatten(1, 2), static, torch.prod(parts, 1)[:, :2]], 1)
        return x + self.exit(largest * torch.sigmoid(joined))


NETWORKS: tuple[type[nn.Module], ...] = (
    SelectiveKernels,
    TokenNorm,
    KernelPrediction,
    FramesInBatch,
    ChannelSpatial,
    MixedInPixels,
)
