"""FSRCNN (Dong, Loy and Tang: Accelerating the Super-Resolution Convolutional Neural Network, 2016)."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwrts.networks.held import Held, HeldConv2d
from hwrts.networks.start import NEARLY_ZERO, PICTURE, pass_picture_on
from hwrts.networks.transposed import Transposed, as_convolution

_NARROW = 12
"""Maps of the mapping layers, the paper's; fewer where the network itself is narrower."""

_DECONVOLUTION: Transposed = (2, 9, 9, 4, 4)
"""The paper's 9x9 taps of stride 2, padded by 4: twice the size of what it reads."""

_BILINEAR = (0.0, 0.0, 0.0, 0.25, 0.75, 0.75, 0.25, 0.0, 0.0)
"""Its taps that interpolate, pixels' centres half a pixel in."""

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, S maps of the mapping, H
# and W rows and columns of the INPUT.


class FSRCNN(nn.Module):
    """Convolutions that narrow, map and widen at the size of the input, with P-ReLU, then a deconvolution.

    The deconvolution is the convolution of 5x5 taps and the shuffle that it equals (eq. 39), so that its
    edges can be replicated as all others'; 19 of 100 taps are none of its own, stay 0 and are not counted.
    FSRCNN(56, 12, 4) on RGB has 24,692 parameters; the paper's, of luma, has 12,464 weights.

    Args:
        blocks: Mapping layers, the paper's m.
        channels: Maps of the first and the last hidden layer, the paper's d.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 4, channels: int = 56, planes: int = PICTURE) -> None:
        super().__init__()
        narrow = min(_NARROW, channels)
        self.conv_in = nn.Conv2d(planes, channels, 5, padding=2)
        self.shrink = nn.Conv2d(channels, narrow, 1)
        self.mapping = nn.ModuleList(nn.Conv2d(narrow, narrow, 3, padding=1) for _ in range(blocks))
        self.expand = nn.Conv2d(narrow, channels, 1)
        convs = (self.conv_in, self.shrink, *self.mapping, self.expand)
        self.planes = planes
        self.start()
        self.act = nn.ModuleList(nn.PReLU(conv.out_channels) for conv in convs)
        phases = _DECONVOLUTION[0] ** 2
        held = Held(transposed=_DECONVOLUTION)
        self.deconv = HeldConv2d(channels, planes * phases, 5, padding=2, held=held)
        parametrize.register_parametrization(self.deconv, "weight", _Phases(), unsafe=True)
        nn.init.zeros_(self.deconv.bias)  # type: ignore[arg-type]
        self.shuffle = nn.PixelShuffle(_DECONVOLUTION[0])

    def start(self) -> None:
        """Give the layers the weights that training starts from; the deconvolution has its own."""
        for conv in (self.conv_in, self.shrink, *self.mapping, self.expand):
            pass_picture_on(conv, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        h = self.act[0](self.conv_in(x))  # (N, C, H, W)
        h = self.act[1](self.shrink(h))  # (N, S, H, W)
        for conv, act in zip(self.mapping, self.act[2:-1], strict=True):
            h = act(conv(h))
        h = self.act[-1](self.expand(h))  # (N, C, H, W)
        y: Tensor = self.shuffle(self.deconv(h))  # (N, P, 2H, 2W)
        return y


class _Phases(nn.Module):
    """The weight of the convolution that a deconvolution equals."""

    def forward(self, taps: Tensor) -> Tensor:
        """From (C, P, 9, 9) to (4P, C, 5, 5)."""
        return as_convolution(taps, 1, _DECONVOLUTION)

    def adopting(self, weight: Tensor, taps: Tensor) -> Tensor:
        """The taps that make this weight: each stands in it once."""
        numbers = torch.arange(taps.numel(), dtype=torch.float64).reshape(taps.shape) + 1
        places = as_convolution(numbers, 1, _DECONVOLUTION).long()  # 0 where there is no tap
        found = torch.zeros(taps.numel() + 1, dtype=weight.dtype, device=weight.device)
        found[places.flatten().to(weight.device)] = weight.flatten()
        return found[1:].reshape(taps.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Where training starts, whatever the weight was: the first channels, enlarged, nearly."""
        outs, channels = weight.shape[:2]
        _, rows, columns, _, _ = _DECONVOLUTION
        colours = outs // _DECONVOLUTION[0] ** 2
        start = nn.init.kaiming_uniform_(weight.new_empty(channels, colours, rows, columns)) * NEARLY_ZERO
        line = weight.new_tensor(_BILINEAR)
        for colour in range(min(colours, channels)):
            start[colour, colour] += torch.outer(line, line)
        return start
