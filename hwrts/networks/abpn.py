"""ABPN (Du, Liu, Tang and Wu: Anchor-based Plain Net for Mobile Image Super-Resolution, 2021)."""

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, start_for_relus, start_nearly_zero

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class ABPN(nn.Module):
    """Plain convolutions whose result is added to the repeated pixels of the input: the anchor.

    Made for 8 bits: what is quantised is a correction of the picture. It has 33,464 parameters for x2; the
    paper's x3 network has 42,539 (its 42.54K), the last two convolutions being 27 maps wide instead of
    12. The paper repeats the channels in front of PixelShuffle, here pixels behind it: the same sum.

    Args:
        blocks: Hidden convolutions of equal width.
        channels: Their width.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 4, channels: int = 28, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        maps = planes * scale**2
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.conv_maps = nn.Conv2d(channels, maps, 3, padding=1)
        self.conv_out = nn.Conv2d(maps, maps, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.anchor = nn.Upsample(scale_factor=scale, mode="nearest")
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        for conv in (self.conv_in, *self.conv, self.conv_maps):
            start_for_relus(conv)
        start_nearly_zero(self.conv_out)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = F.relu(self.conv_in(x))  # (N, C, H, W)
        for conv in self.conv:
            h = F.relu(conv(h))
        h = F.relu(self.conv_maps(h))  # (N, 4P, H, W)
        y: Tensor = self.anchor(x) + self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out
