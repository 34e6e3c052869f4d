"""EDSR 64x16 (Lim et al.: Enhanced Deep Residual Networks for Single Image Super-Resolution, 2017)."""

import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_in_steps, pass_picture_on, start_nearly_zero

RESIDUAL_SCALING = 0.1
"""The paper's, for its wide networks: on what a block adds. It vanishes into a convolution (eq. 18)."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        y: Tensor = h + self.conv2(F.relu(self.conv1(h))) * RESIDUAL_SCALING  # (N, C, H, W)
        return y


class EDSR(nn.Module):
    """16 residual blocks without batch norm at the size of the input, then PixelShuffle.

    With 64 channels it has 1,369,859 parameters for x2 and 1,517,571 for x4; the mean of the data set, which
    the original subtracts and adds with 24 fixed numbers, is left to the biases. The table's 1.7M are
    neither: 1,665,283 are 16 blocks with three steps of up-sampling (x8), or 20 blocks for x2.

    Args:
        blocks: Residual blocks.
        channels: Width of the hidden tensors.
        scale: 2, 4 or 8, in steps of 2.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 16, channels: int = 64, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.conv_mid = nn.Conv2d(channels, channels, 3, padding=1)
        self.up = nn.Sequential()
        for _ in range(scale.bit_length() - 1):
            self.up.extend([nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2)])
        self.conv_out = nn.Conv2d(channels, planes, 3, padding=1)
        self.planes = planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        interpolate_in_steps(self.up, self.planes)
        pass_picture_on(self.conv_in, self.planes)
        start_nearly_zero(self.conv_mid)
        pass_picture_on(self.conv_out, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        first = self.conv_in(x)  # (N, C, H, W)
        h = first + self.conv_mid(self.blocks(first))
        y: Tensor = self.conv_out(self.up(h))  # (N, P, 2H, 2W)
        return y
