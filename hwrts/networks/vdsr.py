"""VDSR (Kim, Lee and Lee: Accurate Image Super-Resolution Using Very Deep Convolutional Networks, 2016)."""

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, start_for_relus, start_nearly_zero
from hwrts.networks.upsample import FixedUpsample

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class VDSR(nn.Module):
    """Bicubic up-sampling plus the residual that 20 convolutions of 3x3 taps make of it.

    With 18 hidden convolutions of 64 maps it has 668,227 parameters on RGB. The table's 666K are those of
    the original, which sees luma alone: 665,921, less by 2 * 9 * 64 in the first layer and 2 * (9 * 64 + 1)
    in the last.

    Args:
        blocks: Convolutions between the first and the last; 18 make the paper's 20 layers.
        channels: Width of the hidden tensors.
        planes: Channels of the picture: 3, or 1 of luma, as the original.
    """

    def __init__(self, blocks: int = 18, channels: int = 64, planes: int = PICTURE) -> None:
        super().__init__()
        self.up = FixedUpsample("bicubic", 2)
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.conv_out = nn.Conv2d(channels, planes, 3, padding=1)
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        for conv in (self.conv_in, *self.conv):
            start_for_relus(conv)
        start_nearly_zero(self.conv_out)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        picture = self.up(x)  # (N, P, 2H, 2W)
        h = F.relu(self.conv_in(picture))  # (N, C, 2H, 2W)
        for conv in self.conv:
            h = F.relu(conv(h))
        y: Tensor = picture + self.conv_out(h)
        return y

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out
