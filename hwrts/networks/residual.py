"""Residual-N, the network of the paper (its Fig. 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.config import Keeps
from hwrts.networks.held import (
    Held,
    HeldConv2d,
    flat_picture,
    middle_of,
    project_gradients,
    project_weights,
)
from hwrts.networks.start import PICTURE, add_bilinear, start_nearly_zero

_REACH = 1
"""Pixels that each convolution sees on every side."""

_LARGEST_ANSWER = 0.25
"""Of conv_out to a flat picture, before its bias takes it out: 64 codes, what a first stage has of itself."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class Residual(nn.Module):
    """x2 super-resolution at input resolution: N residual convolutions, an image residual, one up-scaler.

    Pixel values are code * 2**-8. With 64 channels and N = 1, 3, 6 it has 40,644, 114,372 and 224,964
    weights (biases not counted), the paper's 41K, 114K and 225K. Of P planes they are 9 N C**2 + 18 P C
    + 36 P**2 weights: of luma 38,052, 111,780 and 222,372.

    Args:
        blocks: N, the number of residual convolutions, 0 or more.
        channels: Width of the hidden tensors.
        scale: Up-scaling factor; 2 in the paper.
        keeps: What passes unchanged; nothing in the paper. Held by the shape of the network, of every
            weight: conv_in sees no level (its kernels sum to 0), so a flat area gives one constant vector
            per layer; conv_out's bias is what makes its answer to that 0; conv_ext keeps levels. "grey" adds
            one correction to red, green and blue (conv_out's rows are equal), and conv_ext does the same to
            each.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(
        self,
        blocks: int = 3,
        channels: int = 64,
        scale: int = 2,
        keeps: Keeps = "nothing",
        planes: int = PICTURE,
    ) -> None:
        super().__init__()
        flat, grey = keeps != "nothing", keeps == "grey" and planes == PICTURE  # luma has no colour to keep
        blind = Held(zero_sums=flat)
        silent = Held(zero_on_flat=flat, tie="rows" if grey else "none")
        even = Held(tie="colours" if grey else "none")
        self.conv_in = HeldConv2d(planes, channels, 3, padding=1, held=blind)
        self.conv = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.conv_out = HeldConv2d(channels, planes, 3, padding=1, held=silent)
        self.conv_ext = HeldConv2d(planes, planes * scale**2, 3, padding=1, held=even)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.keeps = keeps
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        start_nearly_zero(self.conv_out)
        nn.init.zeros_(self.conv_ext.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.conv_ext.weight)
        add_bilinear(self.conv_ext, self.scale, self.planes)
        if self.keeps != "nothing":
            self.hold_weights()

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        if self.keeps != "nothing" and self.training:
            # What is subtracted is 0 (hold_weights); what counts is its gradient. Without it training sees
            # no harm in a larger answer to flat areas, as the bias takes it out again after each step, and
            # drives it up without end. First this, as the range penalty keeps the last residual it saw.
            silence = self._on_flat(x)
            r = self._residual(x) - silence
        else:
            r = self._residual(x)
        y = x + r  # (N, P, H, W): the blue node of Fig. 3
        shuffled: Tensor = self.shuffle(self.conv_ext(y))  # (N, P, 2H, 2W)
        return shuffled

    def _residual(self, x: Tensor) -> Tensor:
        """What conv_out makes of pictures, (N, P, H, W)."""
        r: Tensor = self.conv_out(self._hidden(x))
        return r

    def _hidden(self, x: Tensor) -> Tensor:
        """What conv_out reads, (N, C, H, W)."""
        h = F.relu(self.conv_in(x))
        for conv in self.conv:
            h = h + F.relu(conv(h))
        return h

    def _on_flat(self, x: Tensor) -> Tensor:
        """What conv_out makes of a flat picture, (1, P, 1, 1), far from every edge."""
        return middle_of(self._residual(self._flat(x)))

    @property
    def _reach(self) -> int:
        """Pixels on every side that conv_out's result depends on."""
        return _REACH * (len(self.conv) + 2)

    def _flat(self, like: Tensor) -> Tensor:
        return flat_picture(like, self.planes, self._reach)

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out

    def project_gradients(self) -> None:
        """Called before each step of a training that holds what the network keeps."""
        project_gradients(self)

    @torch.no_grad()
    def hold_weights(self) -> None:
        """Called after each step: bring the weights back to where the network keeps what it should."""
        project_weights(self)
        h = self._hidden(self._flat(self.conv_in.weight))  # nothing below changes it
        self._bound_answer(middle_of(h)[0, :, 0, 0])
        self.keep_flat_areas()
        self.conv_out.bias.sub_(middle_of(self.conv_out(h)).flatten())  # type: ignore[union-attr]

    def _bound_answer(self, f: Tensor) -> None:
        """Take from conv_out what makes its answer to a flat picture, W f, larger than it may be; f is (C,).

        Only W (h - f) reaches the picture, so that nothing in the loss holds W f: it grew from 0.3 to 14 over
        three stages, and 8 bits of h were spent on a difference of large numbers.
        """
        weight = self.conv_out.weight
        answer = weight.sum((2, 3)) @ f  # (P,)
        excess = answer - answer.clamp(-_LARGEST_ANSWER, _LARGEST_ANSWER)
        taps = weight[0, 0].numel()
        share = excess[:, None] * f / (taps * f.square().sum()).clamp(min=1e-12)  # (P, C)
        self.conv_out.own_taps.sub_(share[:, :, None, None])

    @torch.no_grad()
    def keep_flat_areas(self) -> None:
        """Make conv_ext keep the level of flat areas: sums 1 on the own colour, 0 elsewhere, biases 0.

        A gain g of conv_ext with r lowered by (1 - 1/g) x is the same network, and so is a bias of it that r
        undoes. Training drifts along both (a gain of 1.2 and a bias of 0.19 were seen), and 8 bits of r are
        spent on it. Called after each step, this fixes both; what flat areas need is left to r.
        """
        self.conv_ext.bias.zero_()  # type: ignore[union-attr]
        weight = self.conv_ext.weight  # (P*scale**2, P, 3, 3)
        own = torch.eye(self.planes, device=weight.device)  # (P, P)
        own = own.repeat_interleave(self.scale**2, dim=0)  # (P*scale**2, P)
        missing = own - weight.sum((2, 3))
        self.conv_ext.own_taps.add_(missing[:, :, None, None] / weight[0, 0].numel())
