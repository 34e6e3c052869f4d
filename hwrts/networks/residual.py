"""Residual-N, the network of the paper (its Fig. 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Letters of the shape comments: N pictures, C channels, H and W rows and columns of the INPUT.


class Residual(nn.Module):
    """x2 super-resolution at input resolution: N residual convolutions, an image residual, one up-scaler.

    Pixel values are code * 2**-8. With 64 channels and N = 1, 3, 6 it has 40,644, 114,372 and 224,964
    weights (biases not counted), the paper's 41K, 114K and 225K.

    Args:
        blocks: N, the number of residual convolutions, 0 or more.
        channels: Width of the hidden tensors.
        scale: Up-scaling factor; 2 in the paper.
    """

    def __init__(self, blocks: int = 3, channels: int = 64, scale: int = 2) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, channels, 3, padding=1)
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.conv_out = nn.Conv2d(channels, 3, 3, padding=1)
        self.conv_ext = nn.Conv2d(3, 3 * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale = scale
        start_as_upscaler(self)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) in 0..1 to (N, 3, 2H, 2W), not clipped."""
        h = F.relu(self.conv_in(x))  # (N, C, H, W)
        for conv in self.conv:
            h = h + F.relu(conv(h))
        y = x + self.conv_out(h)  # (N, 3, H, W): the blue node of Fig. 3
        shuffled: Tensor = self.shuffle(self.conv_ext(y))  # (N, 3, 2H, 2W)
        return shuffled

    @torch.no_grad()
    def keep_flat_areas(self) -> None:
        """Make conv_ext keep the level of flat areas: sums 1 on the own colour, 0 elsewhere, biases 0.

        A gain g of conv_ext with r lowered by (1 - 1/g) x is the same network, and so is a bias of it that r
        undoes. Training drifts along both (a gain of 1.2 and a bias of 0.19 were seen), and 8 bits of r are
        spent on it. Called after each step, this fixes both; what flat areas need is left to r.
        """
        self.conv_ext.bias.zero_()  # type: ignore[union-attr]
        weight = self.conv_ext.weight  # (3*scale**2, 3, 3, 3)
        own = torch.eye(3, device=weight.device).repeat_interleave(self.scale**2, dim=0)  # (3*scale**2, 3)
        missing = own - weight.sum((2, 3))
        weight.add_(missing[:, :, None, None] / weight[0, 0].numel())


def start_as_upscaler(network: Residual) -> None:
    """Initialise so that training starts from a bilinear up-scaler instead of noise.

    conv_ext becomes the polyphase kernels of bilinear interpolation, conv_out nearly zero (not zero: its
    gradient is what wakes the hidden layers up). Worth about 8 dB after 600 steps against torch's default.
    """
    scale = network.scale
    with torch.no_grad():
        network.conv_out.weight.mul_(0.01)
        nn.init.zeros_(network.conv_out.bias)  # type: ignore[arg-type]
        nn.init.zeros_(network.conv_ext.bias)  # type: ignore[arg-type]
        nn.init.zeros_(network.conv_ext.weight)
        for i in range(scale):
            for j in range(scale):
                kernel = torch.outer(_bilinear_taps(i, scale), _bilinear_taps(j, scale))  # (3, 3)
                for channel in range(3):
                    phase = channel * scale**2 + i * scale + j  # PixelShuffle's channel order
                    network.conv_ext.weight[phase, channel] = kernel


def _bilinear_taps(phase: int, scale: int) -> Tensor:
    """Weights of the pixels before, at and after, for one phase of half-pixel-centred interpolation."""
    position = (phase + 0.5) / scale - 0.5  # in input pixels, relative to the centre of this one
    return torch.tensor([max(0.0, -position), 1 - abs(position), max(0.0, position)])
