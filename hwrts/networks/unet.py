"""A small U-Net (Ronneberger, Fischer and Brox: U-Net: Convolutional Networks for Segmentation, 2015)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, start_for_relus, start_nearly_zero
from hwrts.networks.upsample import FixedUpsample

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT, h and w those of a level.


class _Level(nn.Module):
    """Two convolutions."""

    def __init__(self, source: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(source, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        for conv in (self.conv1, self.conv2):
            start_for_relus(conv)

    def forward(self, h: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(h))))  # (N, C, h, w)


class UNet(nn.Module):
    """Levels of half the size and twice the width each, and back, whose result is added to bicubic.

    As in the paper: two convolutions in each level, max pooling by 2, up-convolutions of 2x2 taps, and
    skips that are concatenated; narrower, with edges that are kept, and made for pictures: the last
    convolution makes an image residual. It sees far for what it computes. Sides that are no multiple of
    2**blocks are padded. With 2 levels below and 16 channels it has 118,764 parameters.

    Args:
        blocks: Levels below the first.
        channels: Width of the first level.
        scale: Up-scaling factor, 2.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 2, channels: int = 16, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(blocks + 1)]
        self.enlarge = FixedUpsample("bicubic", scale)
        self.first = _Level(planes, channels)
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(_Level(width // 2, width) for width in widths[1:])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width, width // 2, 2, stride=2) for width in reversed(widths[1:])
        )
        self.join = nn.ModuleList(_Level(width, width // 2) for width in reversed(widths[1:]))
        self.conv_out = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from; levels have theirs."""
        start_nearly_zero(self.conv_out)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        levels = [self.first(x)]  # (N, C, H, W)
        for level in self.down:
            levels.append(level(self.pool(levels[-1])))
        h = levels.pop()
        for up, join in zip(self.up, self.join, strict=True):
            h = join(torch.cat([levels.pop(), up(h)], 1))
        y: Tensor = self.enlarge(x) + self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out
