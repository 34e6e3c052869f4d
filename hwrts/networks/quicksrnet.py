"""QuickSRNet (Berger et al.: QuickSRNet: Plain Single-Image Super-Resolution on Mobile Platforms, 2023)."""

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_picture, pass_picture_on

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class QuickSRNet(nn.Module):
    """Plain convolutions and PixelShuffle, no addition at all; the Small of its family.

    ReLU stands where the published code clips to 0..1 (Hardtanh) after every layer: at the output saturation
    clips anyway, and hidden tensors get formats of their own.

    The picture goes through the hidden layers, so 8 bits of them hold it together with everything else.
    With 2 hidden convolutions of 32 maps it has 22,860 parameters for x2 and 33,264 for x4 (the family's 22K
    and 33K); Medium has 5 of them.

    Args:
        blocks: Hidden convolutions of equal width.
        channels: Their width.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 2, channels: int = 32, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.conv_out = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        for conv in (self.conv_in, *self.conv):
            pass_picture_on(conv, self.planes)
        interpolate_picture(self.conv_out, self.scale, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = F.relu(self.conv_in(x))  # (N, C, H, W)
        for conv in self.conv:
            h = F.relu(conv(h))
        y: Tensor = self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y
