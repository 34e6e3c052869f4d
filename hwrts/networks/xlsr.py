"""XLSR (Ayazoglu: Extremely Lightweight Quantization Robust Real-Time Super-Resolution, 2021)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_picture, pass_picture_on, start_for_relus

_GROUPS = 4
"""Of each grouped convolution, the paper's."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class _Block(nn.Module):
    """Taps within each group, then one convolution of 1x1 taps over all of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.within = nn.Conv2d(channels, channels, 3, padding=1, groups=_GROUPS)
        self.across = nn.Conv2d(channels, channels, 1)
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        start_for_relus(self.within)

    def forward(self, h: Tensor) -> Tensor:
        y: Tensor = self.across(F.relu(self.within(h)))  # (N, C, H, W)
        return y


class XLSR(nn.Module):
    """Grouped convolutions beside one that sees the picture, concatenated, then PixelShuffle.

    Made for 8 bits: the output is clipped to 0..1 in training too (clipped ReLU), and the picture goes past
    the blocks. With 3 blocks of 32 channels it has 17,612 parameters for x2; the paper's x3 network has
    21,947 (its 22K). The paper's four first convolutions of 8 maps each are one of 32 here: the same.

    Args:
        blocks: Blocks of a grouped convolution and one of 1x1 taps.
        channels: Width of the hidden tensors, a multiple of 4; half as many go past the blocks.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 3, channels: int = 32, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        past = channels // 2
        self.conv_past = nn.Conv2d(planes, past, 3, padding=1)
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.fuse = nn.Conv2d(past + channels, channels, 1)
        self.conv_out = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from; blocks have theirs."""
        start_for_relus(self.conv_in)
        pass_picture_on(self.conv_past, self.planes)
        pass_picture_on(self.fuse, self.planes)
        interpolate_picture(self.conv_out, self.scale, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), clipped to 0..1."""
        h = self.blocks(self.mix(F.relu(self.conv_in(x))))  # (N, C, H, W)
        h = F.relu(self.fuse(torch.cat([self.conv_past(x), h], 1)))
        y: Tensor = self.shuffle(self.conv_out(h)).clamp(0, 1)  # (N, P, 2H, 2W)
        return y
