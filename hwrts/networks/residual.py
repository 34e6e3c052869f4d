"""Residual-N, the network of the paper (its Fig. 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.networks.start import add_bilinear, start_nearly_zero

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
        start_nearly_zero(self.conv_out)
        nn.init.zeros_(self.conv_ext.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.conv_ext.weight)
        add_bilinear(self.conv_ext, scale)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) in 0..1 to (N, 3, 2H, 2W), not clipped."""
        h = F.relu(self.conv_in(x))  # (N, C, H, W)
        for conv in self.conv:
            h = h + F.relu(conv(h))
        y = x + self.conv_out(h)  # (N, 3, H, W): the blue node of Fig. 3
        shuffled: Tensor = self.shuffle(self.conv_ext(y))  # (N, 3, 2H, 2W)
        return shuffled

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out

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
