"""IMDN, its form for real time (Hui, Gao, Yang and Wang: Information Multi-Distillation Network, 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.long_skip import LongSkip
from hwrts.networks.start import PICTURE

_LEAK = 0.05
"""Slope of the leaky ReLUs below 0: the paper's, in integers the nearest dyadic number (eq. 16)."""

# Letters of the shape comments: N pictures, C channels, H and W rows and columns of the INPUT.


class _Block(nn.Module):
    """Four convolutions; a quarter of each result is kept, the rest goes on to the next."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kept = channels // 4
        passed = channels - kept
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(passed, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(passed, channels, 3, padding=1)
        self.conv4 = nn.Conv2d(passed, kept, 3, padding=1)
        self.fuse = nn.Conv2d(4 * kept, channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        kept1, passed = _parted(self.conv1, h, self.conv2)
        kept2, passed = _parted(self.conv2, passed, self.conv3)
        kept3, passed = _parted(self.conv3, passed, self.conv4)
        kept = torch.cat([kept1, kept2, kept3, self.conv4(passed)], 1)  # (N, C, H, W)
        y: Tensor = h + self.fuse(kept)
        return y


def _parted(conv: nn.Conv2d, h: Tensor, following: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """What is kept of a convolution's result, and what the following one reads."""
    passed = following.in_channels
    kept, rest = torch.split(F.leaky_relu(conv(h), _LEAK), [conv.out_channels - passed, passed], 1)
    return kept, rest


class IMDN(LongSkip):
    """Blocks that part channels and concatenate what they keep, one long skip, then PixelShuffle.

    The authors' form for real time (IMDN-RTC, 5 blocks of 12 channels): without contrast-aware attention,
    whose standard deviation over the frame no line buffer can have, and without the concatenation of all
    blocks. It has 20,190 parameters for x2.

    Args:
        blocks: Blocks.
        channels: Width of the hidden tensors, a multiple of 4: a quarter is kept by each convolution.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 5, channels: int = 12, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__(lambda: _Block(channels), blocks, channels, scale, planes, mid=1)
