"""SPAN (Wan et al.: Swift Parameter-free Attention Network for Efficient Super-Resolution, 2024)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_picture, pass_picture_on

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class _Block(nn.Module):
    """Three convolutions whose result is its own attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """What the block makes, and its first layer; both (N, C, H, W)."""
        first = F.silu(self.conv1(h))
        half = self.conv3(F.silu(self.conv2(first)))
        # (h + made) (sigmoid(made) - 1/2) with made = 2 half: the attention is one table, around 0
        return (h * 0.5 + half) * torch.tanh(half), first


class SPAN(nn.Module):
    """Blocks with an attention that has no parameters, their concatenation, then PixelShuffle.

    With 6 blocks of 48 channels it has 410,700 parameters for x2. The paper trains each 3x3 convolution as
    three in a row beside a skip, and deploys the one that they are; here it is that from the start. The last
    of a block makes half of the paper's values, so that the attention, sigmoid(x) - 1/2, is tanh(x / 2).

    Args:
        blocks: Attention blocks, 1 or more.
        channels: Width of the hidden tensors.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 6, channels: int = 48, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.conv_mid = nn.Conv2d(channels, channels, 3, padding=1)
        self.fuse = nn.Conv2d(4 * channels, channels, 1)
        self.conv_out = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        pass_picture_on(self.conv_in, self.planes)
        pass_picture_on(self.fuse, self.planes)
        interpolate_picture(self.conv_out, self.scale, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        first = self.conv_in(x)  # (N, C, H, W)
        h, early = first, []
        for block in self.blocks:
            h, inner = block(h)
            early.append(h)
        joined = torch.cat([first, self.conv_mid(h), early[0], inner], 1)  # (N, 4C, H, W)
        y: Tensor = self.shuffle(self.conv_out(self.fuse(joined)))  # (N, P, 2H, 2W)
        return y
