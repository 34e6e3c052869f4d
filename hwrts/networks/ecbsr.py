"""ECBSR (Zhang, Zeng and Zhang: Edge-oriented Convolution Block for Real-time Super Resolution, 2021)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwrts.networks.start import NEARLY_ZERO, PICTURE

_WIDER = 2
"""Maps inside the expanding branch for each of the output, the paper's; deployed they cost nothing."""

_EDGES = (
    ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),  # Sobel, across
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),  # Sobel, down
    ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),  # Laplace
)
"""Kernels of the three branches that see edges; only their factors are trained."""

_FIRST_FACTOR = 1e-3
"""Of the edges where training starts, the paper's: as good as none."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT; of weights O output and I input channels, W = wider * O.


class ECBSR(nn.Module):
    """Plain convolutions with P-ReLU, trained with edge kernels beside each, over the repeated pixels.

    Each convolution is trained as the sum of its own 3x3 taps, 1x1 followed by 3x3 taps, three 1x1 followed
    by fixed edge kernels, and an identity. All are linear, so they are one convolution: its weight is that
    sum in every step, and the traced network holds no more. M4C16, the default, has 11,548 parameters then;
    the paper's sees luma alone.

    Args:
        blocks: Hidden convolutions.
        channels: Their width.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
        expand: Multiplies the maps in the expanding branch of each block, which are twice its outputs.
    """

    def __init__(
        self,
        blocks: int = 4,
        channels: int = 16,
        scale: int = 2,
        planes: int = PICTURE,
        *,
        expand: int = 1,
    ) -> None:
        super().__init__()
        widths = [planes] + [channels] * (blocks + 1)
        wider = _WIDER * expand
        self.conv = nn.ModuleList(
            _edge_oriented(nn.Conv2d(i, o, 3, padding=1), wider) for i, o in pairwise(widths)
        )
        self.act = nn.ModuleList(nn.PReLU(channels) for _ in widths[1:])
        last = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.conv_out = _edge_oriented(last, wider, NEARLY_ZERO)
        self.shuffle = nn.PixelShuffle(scale)
        self.anchor = nn.Upsample(scale_factor=scale, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = x
        for conv, act in zip(self.conv, self.act, strict=True):
            h = act(conv(h))  # (N, C, H, W)
        y: Tensor = self.anchor(x) + self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y

    @property
    def image_residual(self) -> nn.Module:
        """What makes the image residual: it should stay small enough for 8 bits."""
        return self.conv_out


def _edge_oriented(conv: nn.Conv2d, wider: int, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that is trained as a sum of branches, and starts from so much of the usual weights."""
    parametrize.register_parametrization(conv, "weight", _Branches(wider, gain))
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class _Branches(nn.Module):
    """The weight of an edge-oriented block."""

    def __init__(self, wider: int, gain: float) -> None:
        super().__init__()
        self.wider, self.gain = wider, gain

    def forward(self, own: Tensor, wide: Tensor, narrow: Tensor, mixed: Tensor, factor: Tensor) -> Tensor:
        """From (O, I, 3, 3), (W, I), (O, W, 3, 3), (3, O, I) and (3, O) to (O, I, 3, 3)."""
        edges = own.new_tensor(_EDGES)  # (3, 3, 3)
        weight = own + torch.einsum("owyx,wi->oiyx", narrow, wide)
        weight = weight + torch.einsum("eo,eoi,eyx->oiyx", factor, mixed, edges)
        if weight.shape[0] == weight.shape[1]:
            identity = torch.zeros_like(weight)
            identity[:, :, 1, 1] = torch.eye(len(weight), device=weight.device)
            weight = weight + identity
        return weight

    def adopting(self, weight: Tensor, own: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Branches that make this weight: what the others make of it stays, the own taps are the rest."""
        return own + (weight - self.forward(own, *others)), *others

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Where training starts, whatever the weight was: the variance is kept through ReLUs."""
        outs, ins = weight.shape[:2]
        wide, maps = weight.new_empty(self.wider * outs, ins), 9 * self.wider * outs
        narrow = weight.new_empty(outs, self.wider * outs, 3, 3)
        # The variance of a ReLU's source, in two halves; beside an identity a half is enough.
        gain = self.gain * (0.5 if outs == ins else 1.0)
        return (
            nn.init.normal_(torch.empty_like(weight), std=gain / math.sqrt(9 * ins)),
            nn.init.normal_(wide, std=1 / math.sqrt(ins)),
            nn.init.normal_(narrow, std=gain / math.sqrt(maps)),
            nn.init.normal_(weight.new_empty(len(_EDGES), outs, ins), std=1 / math.sqrt(ins)),
            nn.init.normal_(weight.new_empty(len(_EDGES), outs), std=_FIRST_FACTOR * self.gain),
        )
