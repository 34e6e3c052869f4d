"""Denoisers, enhancers, video and U-Nets, written as their authors write them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .parts import C, CALayer, ResBlock, conv


class LayerNorm2d(nn.Module):
    def __init__(self, c: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c)), eps

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class NAFBlock(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            nn.Conv2d(c, 2 * c, 1),
            conv(2 * c, 2 * c, groups=2 * c),
            nn.Conv2d(c, c, 1),
        )
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        self.conv4, self.conv5, self.norm1, self.norm2 = (
            nn.Conv2d(c, 2 * c, 1),
            nn.Conv2d(c, c, 1),
            LayerNorm2d(c),
            LayerNorm2d(c),
        )
        self.beta, self.gamma = (nn.Parameter(0.1 * torch.ones(1, c, 1, 1)) for _ in range(2))

    def forward(self, inp: Tensor) -> Tensor:
        x = self.conv2(self.conv1(self.norm1(inp)))
        x1, x2 = x.chunk(2, dim=1)
        x = x1 * x2
        x = self.conv3(x * self.sca(x))
        y = inp + x * self.beta
        x = self.conv4(self.norm2(y))
        x1, x2 = x.chunk(2, dim=1)
        x = self.conv5(x1 * x2)
        return y + x * self.gamma


class NAFNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.intro, self.ending = conv(3, C), conv(C, 3)
        self.enc, self.dec, self.middle = NAFBlock(C), NAFBlock(C), NAFBlock(2 * C)
        self.down = nn.Conv2d(C, 2 * C, 2, 2)
        self.up = nn.Sequential(nn.Conv2d(2 * C, 4 * C, 1, bias=False), nn.PixelShuffle(2))
        self.padder_size = 2

    def forward(self, inp: Tensor) -> Tensor:
        _, _, h, w = inp.shape
        inp = self.check_image_size(inp)
        x = self.intro(inp)
        skip = self.enc(x)
        x = self.up(self.middle(self.down(skip)))
        x = self.ending(self.dec(x + skip))
        x = x + inp
        return x[:, :, :h, :w]

    def check_image_size(self, x: Tensor) -> Tensor:
        _, _, h, w = x.size()
        mod_pad_h = (self.padder_size - h % self.padder_size) % self.padder_size
        mod_pad_w = (self.padder_size - w % self.padder_size) % self.padder_size
        return F.pad(x, (0, mod_pad_w, 0, mod_pad_h))


class UNet(nn.Module):
    """Max pooling down, transposed convolutions up."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down1, self.bottom = (
            self._double(3, C),
            self._double(C, 2 * C),
            self._double(2 * C, 2 * C),
        )
        self.up1, self.up2 = (
            nn.ConvTranspose2d(2 * C, 2 * C, 2, stride=2),
            nn.ConvTranspose2d(2 * C, C, 2, stride=2),
        )
        self.dec1, self.dec2, self.outc = (
            self._double(4 * C, 2 * C),
            self._double(2 * C, C),
            nn.Conv2d(C, 3, 1),
        )
        self.pool = nn.MaxPool2d(2)

    @staticmethod
    def _double(i: int, o: int) -> nn.Sequential:
        return nn.Sequential(
            conv(i, o),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            conv(o, o),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(self.pool(x1))
        x3 = self.bottom(self.pool(x2))
        u = self.dec1(torch.cat([x2, self.up1(x3)], dim=1))
        u = self.dec2(torch.cat([x1, self.up2(u)], dim=1))
        return self.outc(u)


class StridedUNet(nn.Module):
    """Strided convolutions down, bilinear up, skips added; the pictures of a denoiser."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.down1, self.down2 = (
            conv(3, C),
            conv(C, 2 * C, stride=2),
            nn.Conv2d(2 * C, 2 * C, 4, stride=2, padding=1),
        )
        self.body, self.tail = ResBlock(2 * C), conv(C, 3)
        self.up2, self.up1 = conv(2 * C, 2 * C), conv(2 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        e0 = F.gelu(self.head(x))
        e1 = F.gelu(self.down1(e0))
        e2 = self.body(F.gelu(self.down2(e1)))
        d1 = self.up2(F.interpolate(e2, scale_factor=2, mode="bilinear", align_corners=False)) + e1
        d0 = self.up1(F.interpolate(d1, size=e0.shape[2:], mode="nearest")) + e0
        return x - self.tail(d0)


class DnCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(1, C), nn.ReLU(inplace=True)]
        for _ in range(2):
            layers += [
                conv(C, C, bias=False),
                nn.BatchNorm2d(C, eps=0.0001, momentum=0.95),
                nn.ReLU(inplace=True),
            ]
        layers.append(conv(C, 1, bias=False))
        self.dncnn = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        noise = self.dncnn(x)
        return x - noise


class FFDNet(nn.Module):
    """Two inputs: the picture, and how noisy each pixel of a quarter of it is."""

    def __init__(self) -> None:
        super().__init__()
        self.m_down, self.m_up = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.model = nn.Sequential(conv(13, 16), nn.ReLU(True), conv(16, 16), nn.ReLU(True), conv(16, 12))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        x = self.m_down(x)
        x = self.model(torch.cat((x, sigma), 1))
        return self.m_up(x)


class RIDNet(nn.Module):
    """Dilated branches joined, and a residual that is clipped."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = conv(3, C), conv(C, 3)
        self.b1, self.b2 = nn.Conv2d(C, C, 3, 1, 1, 1), nn.Conv2d(C, C, 3, 1, 2, 2)
        self.b3, self.merge, self.ca = nn.Conv2d(C, C, 3, padding=3, dilation=3), conv(3 * C, C), CALayer(C)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.head(x))
        h = F.relu(self.merge(torch.cat([F.relu(b(h)) for b in (self.b1, self.b2, self.b3)], dim=1))) + h
        return self.tail(self.ca(h)) + x


class ZeroDCE(nn.Module):
    """Curves for dark pictures, applied again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.e_conv1, self.e_conv2, self.e_conv3 = (
            nn.ReLU(inplace=True),
            conv(3, C),
            conv(C, C),
            conv(2 * C, 6),
        )

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.relu(self.e_conv1(x))
        x2 = self.relu(self.e_conv2(x1))
        x_r = F.tanh(self.e_conv3(torch.cat([x1, x2], 1)))
        r1, r2 = torch.split(x_r, 3, dim=1)
        x = x + r1 * (torch.pow(x, 2) - x)
        return x + r2 * (torch.pow(x, 2) - x)


class Demosaic(nn.Module):
    """A packed Bayer picture in, colours at twice its size out."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(conv(4, 16), nn.LeakyReLU(0.2), conv(16, 12))

    def forward(self, raw: Tensor) -> Tensor:
        return F.pixel_shuffle(self.net(raw), 2)


class Shrinker(nn.Module):
    """A learned down-scaler."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, C, 5, stride=2, padding=2), nn.ReLU(), conv(C, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) + F.avg_pool2d(x, 2)


class MemNet(nn.Module):
    """Pre-activation: batch norm, ReLU, convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.feature = self._unit(3, C)
        self.r1, self.r2, self.gate = self._unit(C, C), self._unit(C, C), self._unit(2 * C, C)
        self.reconstructor = self._unit(C, 3)

    @staticmethod
    def _unit(i: int, o: int) -> nn.Sequential:
        return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(inplace=True), conv(i, o, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        out = self.feature(x.clone())
        h = self.r2(self.r1(out.clone())) + out
        out = self.gate(torch.cat([out, h], 1))
        return self.reconstructor(out) + residual


class MIMOUNet(nn.Module):
    """Several sizes of the picture in, several out."""

    def __init__(self) -> None:
        super().__init__()
        self.f0, self.f1, self.scm, self.fam = (
            conv(3, C),
            conv(C, 2 * C, stride=2),
            conv(3, 2 * C),
            conv(2 * C, 2 * C),
        )
        self.up, self.out1, self.out0 = nn.ConvTranspose2d(2 * C, C, 4, 2, 1), conv(2 * C, 3), conv(C, 3)

    def forward(self, x: Tensor) -> list[Tensor]:
        x_2 = F.interpolate(x, scale_factor=0.5)
        z2 = self.scm(x_2)
        x_ = self.f0(x)
        z = self.f1(x_)
        z = z + self.fam(z * z2)
        outputs = [self.out1(z) + x_2]
        outputs.append(self.out0(self.up(z) + x_) + x)
        return outputs


class RecurrentVSR(nn.Module):
    """A frame and the state of the one before it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1, self.conv_h, self.conv_o = conv(3 + C, C), conv(C, C), conv(C, 12)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        y = F.relu(self.conv_1(torch.cat((x, h), dim=1)))
        x_h = F.relu(self.conv_h(y))
        x_o = F.pixel_shuffle(self.conv_o(y), 2) + F.interpolate(
            x, scale_factor=2, mode="bilinear", align_corners=False
        )
        return x_o, x_h


class ThreeFrames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(9, C), nn.ReLU(), conv(C, 3))

    def forward(self, frames: Tensor) -> Tensor:
        return frames[:, 3:6] + self.body(frames)


class OctaveDenoiser(nn.Module):
    """Half of the features at half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.h, self.l, self.hl, self.lh, self.out = (
            conv(3, C),
            conv(3, C),
            conv(C, C),
            conv(C, C),
            conv(C, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        h, low = F.relu(self.h(x)), F.relu(self.l(F.avg_pool2d(x, kernel_size=2, stride=2)))
        h2 = F.relu(h + F.interpolate(self.lh(low), scale_factor=2, mode="nearest"))
        l2 = F.relu(low + self.hl(F.avg_pool2d(h, 2, 2)))
        return x - self.out(h2 + F.interpolate(l2, scale_factor=2))


class LaplacianPyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = (
            nn.Sequential(conv(3, C), nn.LeakyReLU(0.1), conv(C, 3)),
            nn.Sequential(conv(3, C), nn.ReLU(), conv(C, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        down = nn.functional.avg_pool2d(x, 2)
        up = F.interpolate(down, scale_factor=2.0, mode="bilinear", align_corners=False)
        detail = x - up
        low = F.interpolate(down + self.low(down), scale_factor=2.0, mode="bilinear", align_corners=False)
        return (low + self.high(detail)).clamp(0, 1)


class CBAM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail, self.fc = (
            conv(3, C),
            conv(C, 3),
            nn.Sequential(nn.Conv2d(C, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, C, 1, bias=False)),
        )
        self.spatial = nn.Conv2d(1, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.head(x))
        h = torch.sigmoid(self.fc(F.adaptive_avg_pool2d(h, 1))) * h
        h = torch.sigmoid(self.spatial(torch.mean(h, dim=1, keepdim=True))) * h
        return x + self.tail(h)


class SENet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail, self.avg_pool = conv(3, C), conv(C, 3), nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(C, 2, bias=False), nn.ReLU(inplace=True), nn.Linear(2, C, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.head(x)
        b, c, _, _ = h.size()
        y = self.avg_pool(h).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return self.tail(h * y.expand_as(h)) + x


class TVEnhancer(nn.Module):
    """Luma sharpened by a high pass that is fixed, chroma passed on."""

    blur: Tensor

    def __init__(self) -> None:
        super().__init__()
        blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
        self.register_buffer("blur", blur.view(1, 1, 3, 3))
        self.gain = nn.Sequential(conv(1, C), nn.ReLU(), conv(C, 1), nn.Hardsigmoid())

    def forward(self, ycc: Tensor) -> Tensor:
        y, chroma = ycc[:, :1], ycc[:, 1:]
        detail = y - F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), self.blur)
        return torch.cat([(y + 2 * self.gain(y) * detail).clamp(0, 1), chroma], dim=1)


class GatedFusion(nn.Module):
    """Two frames, mixed by a map between 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = nn.Sequential(conv(6, C), nn.LeakyReLU(0.1), conv(C, 1), nn.Sigmoid())

    def forward(self, now: Tensor, before: Tensor) -> Tensor:
        m = self.mask(torch.cat([now, before], 1))
        return m * now + (1 - m) * before


NETWORKS: tuple[type[nn.Module], ...] = (
    NAFNet,
    UNet,
    StridedUNet,
    DnCNN,
    FFDNet,
    RIDNet,
    ZeroDCE,
    Demosaic,
    Shrinker,
    MemNet,
    MIMOUNet,
    RecurrentVSR,
    ThreeFrames,
    OctaveDenoiser,
    LaplacianPyramid,
    CBAM,
    SENet,
    TVEnhancer,
    GatedFusion,
)
