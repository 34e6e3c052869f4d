"""ESPCN 5-3-3 (Shi et al.: Real-Time Single Image and Video Super-Resolution Using ESPCN, 2016)."""

import torch
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_picture, pass_picture_on

_MIDDLE = 0.5
"""What the first layer takes from the picture that it passes on: a tanh is straight around 0."""

_GAIN = 1.1
"""What the last layer makes good: two tanh leave 0.43 of 0.5, and all of what is small."""

# Letters of the shape comments: N pictures, C channels, H and W rows and columns of the INPUT.


class ESPCN(nn.Module):
    """Three convolutions of 5x5, 3x3 and 3x3 taps at the size of the input, tanh, then PixelShuffle.

    On RGB with 64 and 32 maps it has 26,796 parameters for x2; the original, which sees luma alone, 21,284.
    In integers each tanh is a table of 256 entries.

    Args:
        channels: Maps of the first layer, even; the second has half of them.
        scale: Up-scaling factor.
    """

    def __init__(self, channels: int = 64, scale: int = 2) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(PICTURE, channels, 5, padding=2)
        self.conv_mid = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.conv_out = nn.Conv2d(channels // 2, PICTURE * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        pass_picture_on(self.conv_in)
        pass_picture_on(self.conv_mid)
        interpolate_picture(self.conv_out, scale)
        with torch.no_grad():
            self.conv_in.bias[:PICTURE] = -_MIDDLE  # type: ignore[index]
            self.conv_out.weight.mul_(_GAIN)
            self.conv_out.bias.fill_(_MIDDLE)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) in 0..1 to (N, 3, 2H, 2W), not clipped."""
        h = torch.tanh(self.conv_in(x))  # (N, C, H, W)
        h = torch.tanh(self.conv_mid(h))  # (N, C/2, H, W)
        y: Tensor = self.shuffle(self.conv_out(h))  # (N, 3, 2H, 2W)
        return y
