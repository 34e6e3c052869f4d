"""SRCNN 9-5-5 (Dong, Loy, He and Tang: Image Super-Resolution Using Deep Convolutional Networks, 2015)."""

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, pass_picture_on
from hwrts.networks.upsample import FixedUpsample

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class SRCNN(nn.Module):
    """Bicubic up-sampling, then three convolutions of 9x9, 5x5 and 5x5 taps at the size of the output.

    On RGB with 64 and 32 maps it has 69,251 parameters. The table's 57K are those of the original, which
    sees luma alone: 57,281, less by 2 * 81 * 64 in the first layer and 2 * (25 * 32 + 1) in the last.

    Args:
        channels: Maps of the first layer, even; the second has half of them.
        planes: Channels of the picture: 3, or 1 of luma, as the original.
    """

    def __init__(self, channels: int = 64, planes: int = PICTURE) -> None:
        super().__init__()
        self.up = FixedUpsample("bicubic", 2)
        self.patches = nn.Conv2d(planes, channels, 9, padding=4)
        self.mapping = nn.Conv2d(channels, channels // 2, 5, padding=2)
        self.conv_out = nn.Conv2d(channels // 2, planes, 5, padding=2)
        self.planes = planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        for conv in (self.patches, self.mapping, self.conv_out):
            pass_picture_on(conv, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = F.relu(self.patches(self.up(x)))  # (N, C, 2H, 2W)
        h = F.relu(self.mapping(h))  # (N, C/2, 2H, 2W)
        y: Tensor = self.conv_out(h)  # (N, P, 2H, 2W)
        return y
