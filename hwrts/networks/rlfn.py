"""RLFN (Kong et al.: Residual Local Feature Network for Efficient Super-Resolution, 2022)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.long_skip import LongSkip
from hwrts.networks.start import PICTURE

_LEAK = 0.05
"""Slope of the leaky ReLUs below 0: the paper's, in integers the nearest dyadic number (eq. 16)."""

_ATTENTION = 16
"""Maps of the attention, the paper's; fewer where the network itself is narrower."""

# Letters of the shape comments: N pictures, C channels, E maps of the attention, H and W rows and columns of
# the INPUT.


class _Attention(nn.Module):
    """What of each value is kept, seen from the pixels around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        maps = min(_ATTENTION, channels)
        self.squeeze = nn.Conv2d(channels, maps, 1)
        self.around = nn.Conv2d(maps, maps, 3, padding=1)
        self.expand = nn.Conv2d(maps, channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        narrow = self.squeeze(h)  # (N, E, H, W)
        return h * torch.sigmoid(self.expand(narrow + self.around(narrow)))  # (N, C, H, W)


class _Block(nn.Module):
    """Three convolutions with a skip over them, one of 1x1 taps, and attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))
        self.fuse = nn.Conv2d(channels, channels, 1)
        self.attention = _Attention(channels)

    def forward(self, h: Tensor) -> Tensor:
        made = h
        for conv in self.conv:
            made = F.leaky_relu(conv(made), _LEAK)
        y: Tensor = self.attention(self.fuse(h + made))  # (N, C, H, W)
        return y


class RLFN(LongSkip):
    """Residual blocks with attention over pixels, one long skip, then PixelShuffle.

    The paper's attention (ESA) sees a picture made 6 times smaller, whose size is no whole part of the
    frame's, and enlarges it again; here it stays at the size of the input, with one convolution of 3x3 taps.
    With 6 blocks of 52 channels it has 511,304 parameters for x2; the paper's has 527K.

    Args:
        blocks: Residual blocks.
        channels: Width of the hidden tensors.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 6, channels: int = 52, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__(lambda: _Block(channels), blocks, channels, scale, planes, mid=3)
