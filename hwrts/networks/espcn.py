"""ESPCN 5-3-3 (Shi et al.: Real-Time Single Image and Video Super-Resolution Using ESPCN, 2016)."""

import torch
from torch import Tensor, nn

from hwrts.networks.start import NEARLY_ZERO, PICTURE, add_bilinear

_MIDDLE = 0.5
"""What the first layer takes from the picture that it passes on: a tanh is straight around 0."""

_GAIN = 1.1
"""What the last layer makes good: two tanh leave 0.43 of 0.5, and all of what is small."""

_SPREAD = 1 / 64
"""Over which the copies of a colour are shifted: an LSB of 8 bits of -2..2, so that no two round alike."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT; of weights O output and I input channels, K taps.


class ESPCN(nn.Module):
    """Three convolutions of 5x5, 3x3 and 3x3 taps at the size of the input, tanh, then PixelShuffle.

    On RGB with 64 and 32 maps it has 26,796 parameters for x2; the original, which sees luma alone, 21,284.
    In integers each tanh is a table of 256 entries. The picture goes through all of it: training starts with
    several copies of each colour, whose mean is finer than 8 bits.

    Args:
        channels: Maps of the first layer, even; the second has half of them.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, channels: int = 64, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(planes, channels, 5, padding=2)
        self.conv_mid = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.conv_out = nn.Conv2d(channels // 2, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.start()

    @torch.no_grad()
    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        channels, narrow = self.conv_in.out_channels, self.conv_mid.out_channels
        planes, scale = self.planes, self.scale
        copies = max(1, min(channels // 8, narrow // 4))  # three quarters of the second layer
        enlarging = nn.Conv2d(planes, planes * scale**2, 3)
        nn.init.zeros_(enlarging.weight)
        add_bilinear(enlarging, scale, planes)
        first, middle = (nn.init.dirac_(torch.empty(planes, planes, size, size)) for size in (5, 3))
        _start(self.conv_in, first.repeat_interleave(copies, 0))
        _start(self.conv_mid, _averaged(middle, copies).repeat_interleave(copies, 0))
        _start(self.conv_out, _averaged(enlarging.weight, copies) * _GAIN)
        spread = ((torch.arange(copies) + 0.5) / copies - 0.5).repeat(planes) * _SPREAD
        shifts = spread[:channels] - _MIDDLE
        self.conv_in.bias[: len(shifts)] += shifts  # type: ignore[index]
        self.conv_out.bias.fill_(_MIDDLE)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = torch.tanh(self.conv_in(x))  # (N, C, H, W)
        h = torch.tanh(self.conv_mid(h))  # (N, C/2, H, W)
        y: Tensor = self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y


def _averaged(weight: Tensor, copies: int) -> Tensor:
    """Weights (O, 3, K, K) as those on the mean of so many copies of each colour, (O, 3 * copies, K, K)."""
    return weight.repeat_interleave(copies, 1) / copies


def _start(conv: nn.Conv2d, weight: Tensor) -> None:
    """Give the first channels of a convolution these weights; nearly nothing else reaches their results."""
    weight = weight[: conv.out_channels, : conv.in_channels]  # of a narrow network fewer colours pass
    outs, ins = weight.shape[:2]
    conv.weight[:outs].mul_(NEARLY_ZERO)
    conv.weight[:outs, :ins] += weight
    conv.bias[:outs] = 0.0  # type: ignore[index]
