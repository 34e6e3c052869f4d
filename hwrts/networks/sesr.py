"""SESR (Bhardwaj et al.: Collapsible Linear Blocks for Super-Efficient Super Resolution, 2022)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwrts.errors import HwrtsError
from hwrts.metrics import LUMA
from hwrts.networks.held import FREE, Held, HeldConv2d
from hwrts.networks.start import PICTURE
from hwrts.networks.upsample import FixedUpsample

WIDE = 128
"""Maps in the middle of a linear block while it is trained. They cost nothing in a step, which convolves with
the product, and train faster than its weights alone (docs/experiments.md)."""

_START_SMALL = 0.005
"""Of the correction, beside a picture of 0..1."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT; of weights O output and I input channels, K taps, W maps.


class SESR(nn.Module):
    """Plain convolutions, trained wide, and one correction of red, green and blue over bicubic up-sampling.

    Each convolution is trained as K x K taps to 128 maps and 1x1 back, with an identity beside them; both are
    linear, so they are one convolution: its weight is their product in every step, and the traced network
    holds no more than that. With 5 blocks of 16 maps it has 13,788 parameters then.

    The paper's M5 (13.5K) sees luma alone, through 5x5 taps in the first and last layer, and adds the pixel
    itself. Here these have 3x3 taps, which pays for the three colours, and the sum of the first and the last
    hidden tensor is left out. The four maps of the correction are the same for each colour (chroma is that
    of bicubic, grey stays grey), because up-scaling is measured on Y, and eyes judge by it.

    Args:
        blocks: Hidden convolutions.
        channels: Their width.
        scale: Up-scaling factor, 2.
        planes: Channels of the picture: 3, or 1 of luma.
        expand: Multiplies the 128 maps in the middle of each block.
    """

    def __init__(
        self,
        blocks: int = 5,
        channels: int = 16,
        scale: int = 2,
        planes: int = PICTURE,
        *,
        expand: int = 1,
    ) -> None:
        super().__init__()
        self.up = FixedUpsample("bicubic", scale)
        maps = WIDE * expand
        self.conv_in = _collapsible(nn.Conv2d(planes, channels, 3, padding=1), maps, sees=True)
        self.conv = nn.ModuleList(
            _collapsible(nn.Conv2d(channels, channels, 3, padding=1), maps) for _ in range(blocks)
        )
        held = Held(tie="rows") if planes == PICTURE else FREE
        even = HeldConv2d(channels, planes * scale**2, 3, padding=1, held=held)
        # Here they are copies; fine-tuning keeps them so.
        self.conv_out = _collapsible(even, maps, copies=planes, makes=True)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = F.relu(self.conv_in(x))  # (N, C, H, W)
        for conv in self.conv:
            h = F.relu(conv(h))
        y: Tensor = self.up(x) + self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out


def _collapsible(
    conv: nn.Conv2d, maps: int, copies: int = 1, *, sees: bool = False, makes: bool = False
) -> nn.Conv2d:
    """A convolution that is trained as two; it sees the picture, or makes the correction."""
    parametrize.register_parametrization(conv, "weight", _Product(maps, copies, sees=sees, makes=makes))
    parametrize.register_parametrization(conv, "bias", _Copies(copies))
    return conv


class _Product(nn.Module):
    """The weight of a linear block."""

    def __init__(self, maps: int, copies: int, *, sees: bool, makes: bool) -> None:
        super().__init__()
        self.maps, self.copies, self.sees, self.makes = maps, copies, sees, makes

    def forward(self, wide: Tensor, narrow: Tensor) -> Tensor:
        """From (W, I, K, K) and (O/copies, W) to (O, I, K, K)."""
        weight = torch.einsum("ow,wiyx->oiyx", narrow, wide)
        if weight.shape[0] == weight.shape[1]:
            centre = weight.shape[-1] // 2
            identity = torch.zeros_like(weight)
            identity[:, :, centre, centre] = torch.eye(len(weight))
            weight = weight + identity
        return weight.repeat(self.copies, 1, 1, 1)

    def adopting(self, weight: Tensor, wide: Tensor, narrow: Tensor) -> tuple[Tensor, Tensor]:
        """Factors that make this weight: of each output one map of the least use makes what is missing.

        Raises:
            HwrtsError: There are more outputs than maps.
        """
        outs = len(narrow)
        if outs > self.maps:
            raise HwrtsError(
                f"sesr: {outs} channels are more than the {self.maps} maps of its blocks; use fewer"
            )
        used = narrow.norm(dim=0) * wide.flatten(1).norm(dim=1)  # (W,)
        free = used.argsort()[:outs]
        wide, narrow = wide.clone(), narrow.clone()
        narrow[:, free] = 0.0
        missing = (weight - self.forward(wide, narrow))[
            :outs
        ]  # (O/copies, I, K, K); rows of copies are equal
        size = missing.flatten(1).norm(dim=1).clamp(min=1e-12).sqrt()  # the same in both factors
        wide[free] = missing / size[:, None, None, None]
        narrow[torch.arange(outs), free] = size
        return wide, narrow

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Where training starts, whatever the weight was: the variance is kept through ReLUs."""
        out, wide = len(weight) // self.copies, weight.new_empty(self.maps, *weight.shape[1:])
        nn.init.normal_(wide, std=1 / math.sqrt(wide[0].numel()))
        if self.sees:
            # Of Y, which is all that the loss sees, and of its details: a map that answers to the level is 0
            # nearly everywhere or nowhere, and half of them stay dead (docs/experiments.md).
            if weight.shape[1] == PICTURE:
                luma = weight.new_tensor(LUMA)[:, None, None]  # (3, 1, 1)
                wide = wide.sum(1, keepdim=True) * luma / luma.sum()
            wide = wide - wide.mean((2, 3), keepdim=True)
        # Beside an identity half of it is enough, and a correction starts nearly as none.
        gain = _START_SMALL if self.makes else 0.5 if weight.shape[0] == weight.shape[1] else 1.0
        return wide, nn.init.normal_(weight.new_empty(out, self.maps), std=gain * math.sqrt(2 / self.maps))


class _Copies(nn.Module):
    """A bias for each colour."""

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def forward(self, bias: Tensor) -> Tensor:
        """From (O/copies,) to (O,)."""
        return bias.repeat(self.copies)

    def adopting(self, bias: Tensor, own: Tensor) -> Tensor:
        """The bias of one colour."""
        return bias[: len(own)]

    def right_inverse(self, bias: Tensor) -> Tensor:
        """None at the start."""
        return torch.zeros(len(bias) // self.copies)
