"""Small x2 networks of one kind of operator each, as a user's own file: ``hwrts quantize networks.py:prelu``.

Each is what `hwrts run` trains (convolutions, an addition, pixel shuffle, every pixel repeated) and one
operator more, which is what toolchains differ in.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 16
"""Maps of the hidden tensors: small, so that slow reference kernels end in minutes."""

# Letters of the shape comments: N pictures, C maps, H and W rows and columns of the input.


class _Small(nn.Module):
    """A picture made twice as large in a fixed way, and a correction of a few layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, CHANNELS, 3, padding=1, padding_mode="replicate")
        self.conv_out = nn.Conv2d(CHANNELS, 12, 3, padding=1, padding_mode="replicate")

    def hidden(self, first: Tensor) -> Tensor:
        """What stands between the first convolution and the last."""
        raise NotImplementedError

    def enlarged(self, picture: Tensor) -> Tensor:
        """Every pixel four times."""
        return F.interpolate(picture, scale_factor=2, mode="nearest")

    def forward(self, picture: Tensor) -> Tensor:
        correction = self.conv_out(self.hidden(self.conv_in(picture)))  # (N, 12, H, W)
        return self.enlarged(picture) + F.pixel_shuffle(correction, 2)  # (N, 3, 2 H, 2 W)


def _conv(inner: int = CHANNELS, outer: int = CHANNELS, taps: int = 3, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, taps, padding=taps // 2, padding_mode="replicate", groups=groups)


class PRelu(_Small):
    """P-ReLU with a slope for each map, and with one for all, as FSRCNN and SRResNet have them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.conv, self.second = nn.PReLU(CHANNELS), _conv(), nn.PReLU()

    def hidden(self, first: Tensor) -> Tensor:
        return self.second(self.conv(self.first(first)))  # type: ignore[no-any-return]


class UpSampling(_Small):
    """The picture comes bilinear to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = _conv()

    def hidden(self, first: Tensor) -> Tensor:
        return F.relu(self.conv(F.relu(first)))

    def enlarged(self, picture: Tensor) -> Tensor:
        return F.interpolate(picture, scale_factor=2, mode="bilinear")


class Scale(_Small):
    """A residual block whose result is scaled before it is added, as EDSR has it, and a scaled picture."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = _conv(), _conv()

    def hidden(self, first: Tensor) -> Tensor:
        first = F.relu(first)
        return first + 0.3 * F.relu(self.outer(F.relu(self.inner(first))))

    def enlarged(self, picture: Tensor) -> Tensor:
        return 0.9 * super().enlarged(picture)


class Concat(_Small):
    """Distillation as in IMDN: half of each result goes on, the other halves are joined at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.third = _conv(CHANNELS // 2), _conv(CHANNELS // 2)
        self.joined = _conv(2 * CHANNELS, taps=1)

    def hidden(self, first: Tensor) -> Tensor:
        kept, going = F.relu(first).chunk(2, dim=1)
        other, going = F.relu(self.second(going)).chunk(2, dim=1)
        last = F.relu(self.third(going))
        return self.joined(torch.cat([kept, other, last], dim=1))  # type: ignore[no-any-return]


class Depthwise(_Small):
    """Depthwise separable convolutions with ReLU6, as in MobileNet."""

    def __init__(self) -> None:
        super().__init__()
        self.deep, self.flat = _conv(groups=CHANNELS), _conv(taps=1)
        self.deeper = _conv(taps=5, groups=CHANNELS)

    def hidden(self, first: Tensor) -> Tensor:
        flat = F.relu6(self.flat(F.relu6(self.deep(F.relu6(first)))))
        return F.relu6(self.deeper(flat)) + flat


class Table(_Small):
    """GELU, Hardswish, and an attention by sigmoid: tables of 256 entries, and a product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = _conv(), _conv(taps=1)

    def hidden(self, first: Tensor) -> Tensor:
        found = F.hardswish(self.conv(F.gelu(first)))
        return found * torch.sigmoid(self.gate(found))


def prelu() -> nn.Module:
    return PRelu()


def up_sampling() -> nn.Module:
    return UpSampling()


def scale() -> nn.Module:
    return Scale()


def concat() -> nn.Module:
    return Concat()


def depthwise() -> nn.Module:
    return Depthwise()


def table() -> nn.Module:
    return Table()


BUILD = {each.__name__: each for each in (prelu, up_sampling, scale, concat, depthwise, table)}
"""By name."""
