"""Up-scalers in the forms that papers of the field have, written as their authors write them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import weight_norm

from .parts import C, CALayer, MeanShift, ResBlock, conv


class ESPCN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.feature_maps = nn.Sequential(conv(1, 16, 5), nn.Tanh(), conv(16, 8), nn.Tanh())
        self.sub_pixel = nn.Sequential(conv(8, 4), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp_(self.sub_pixel(self.feature_maps(x)), 0.0, 1.0)


class FSRCNN(nn.Module):
    def __init__(self, scale: int = 2, d: int = 12, s: int = 6) -> None:
        super().__init__()
        self.first_part = nn.Sequential(conv(1, d, 5), nn.PReLU(d))
        mid: list[nn.Module] = [nn.Conv2d(d, s, 1), nn.PReLU(s)]
        for _ in range(2):
            mid.extend([conv(s, s), nn.PReLU(s)])
        mid.extend([nn.Conv2d(s, d, 1), nn.PReLU(d)])
        self.mid_part = nn.Sequential(*mid)
        self.last_part = nn.ConvTranspose2d(d, 1, 9, stride=scale, padding=4, output_padding=scale - 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first_part(x)
        x = self.mid_part(x)
        return self.last_part(x)


class SRCNN(nn.Module):
    """The original, whose convolutions keep nothing beside the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 16, 9), nn.Conv2d(16, 8, 1), nn.Conv2d(8, 1, 5)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.conv1(x))
        out = F.relu(self.conv2(out))
        return self.conv3(out)


class VDSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input = conv(1, C, bias=False)
        self.residual_layer = nn.Sequential(
            *[nn.Sequential(conv(C, C, bias=False), nn.ReLU(True)) for _ in range(3)]
        )
        self.output, self.relu = conv(C, 1, bias=False), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        out = self.output(self.residual_layer(self.relu(self.input(x))))
        return torch.add(out, residual)


class DRRN(nn.Module):
    """Recursive: the same weights again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.input, self.conv1, self.conv2, self.output = conv(3, C), conv(C, C), conv(C, C), conv(C, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        inputs = self.input(self.relu(x))
        out = inputs
        for _ in range(3):
            out = self.conv2(self.relu(self.conv1(self.relu(out))))
            out = torch.add(out, inputs)
        out = self.output(self.relu(out))
        return torch.add(out, residual)


class LapSRN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_input, self.relu = conv(1, C, bias=False), nn.LeakyReLU(0.2, inplace=True)
        self.up_image = nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
        self.branch = nn.Sequential(
            conv(C, C),
            nn.LeakyReLU(0.2, True),
            nn.ConvTranspose2d(C, C, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, True),
        )
        self.residual = conv(C, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.relu(self.conv_input(x))
        first = self.branch(out)
        hr_2x = self.up_image(x) + self.residual(first)
        second = self.branch(first)
        return hr_2x, self.up_image(hr_2x) + self.residual(second)


class EDSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sub_mean, self.add_mean = MeanShift(1), MeanShift(1, 1)
        self.head = nn.Sequential(conv(3, C))
        self.body = nn.Sequential(ResBlock(), ResBlock(), conv(C, C))
        self.tail = nn.Sequential(conv(C, 4 * C), nn.PixelShuffle(2), conv(C, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.sub_mean(x))
        res = self.body(x)
        res += x
        return self.add_mean(self.tail(res))


class RCAN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = conv(3, C)
        self.body = nn.Sequential(conv(C, C), nn.ReLU(True), conv(C, C), CALayer(C))
        self.tail = nn.Sequential(conv(C, 4 * C), nn.PixelShuffle(2), conv(C, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        x = x + self.body(x)
        return self.tail(x)


class RDB(nn.Module):
    def __init__(self, c: int = C, growth: int = 4) -> None:
        super().__init__()
        self.convs = nn.ModuleList([conv(c + i * growth, growth) for i in range(3)])
        self.lff = nn.Conv2d(c + 3 * growth, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        feats = x
        for layer in self.convs:
            feats = torch.cat([feats, F.relu(layer(feats))], 1)
        return self.lff(feats) + x


class RDN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sfe1, self.sfe2 = conv(3, C), conv(C, C)
        self.rdbs = nn.ModuleList([RDB(), RDB()])
        self.gff = nn.Sequential(nn.Conv2d(2 * C, C, 1), conv(C, C))
        self.up = nn.Sequential(conv(C, 4 * C), nn.PixelShuffle(2), conv(C, 3))

    def forward(self, x: Tensor) -> Tensor:
        f1 = self.sfe1(x)
        x = self.sfe2(f1)
        out = []
        for rdb in self.rdbs:
            x = rdb(x)
            out.append(x)
        x = self.gff(torch.cat(out, 1))
        x += f1
        return self.up(x)


class SRResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(conv(3, C, 9), nn.PReLU())
        self.block2 = nn.Sequential(conv(C, C), nn.BatchNorm2d(C), nn.PReLU(), conv(C, C), nn.BatchNorm2d(C))
        self.block3 = nn.Sequential(conv(C, C), nn.BatchNorm2d(C))
        self.block4 = nn.Sequential(conv(C, 4 * C), nn.PixelShuffle(2), nn.PReLU(), conv(C, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        block1 = self.block1(x)
        block2 = block1 + self.block2(block1)
        block3 = self.block3(block2)
        return (torch.tanh(self.block4(block1 + block3)) + 1) / 2


class RRDB(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_first, self.conv1, self.conv2, self.conv3 = (
            conv(12, C),
            conv(C, 4),
            conv(C + 4, 4),
            conv(C + 8, C),
        )
        self.conv_up1, self.conv_up2, self.conv_last = conv(C, C), conv(C, C), conv(C, 3)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        feat = self.conv_first(F.pixel_unshuffle(x, 2))
        x1 = self.lrelu(self.conv1(feat))
        x2 = self.lrelu(self.conv2(torch.cat((feat, x1), 1)))
        x3 = self.conv3(torch.cat((feat, x1, x2), 1))
        feat = x3 * 0.2 + feat
        feat = self.lrelu(self.conv_up1(F.interpolate(feat, scale_factor=2, mode="nearest")))
        feat = self.lrelu(self.conv_up2(F.interpolate(feat, scale_factor=2, mode="nearest")))
        return self.conv_last(feat)


class MSRN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.conv_3_1, self.conv_5_1 = conv(3, C), conv(C, C), conv(C, C, 5)
        self.conv_3_2, self.conv_5_2 = conv(2 * C, 2 * C), conv(2 * C, 2 * C, 5)
        self.confusion, self.tail = (
            nn.Conv2d(4 * C, C, 1, padding=0, stride=1),
            nn.Sequential(conv(C, 12), nn.PixelShuffle(2)),
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        input_1 = self.head(x)
        output_3_1, output_5_1 = self.relu(self.conv_3_1(input_1)), self.relu(self.conv_5_1(input_1))
        input_2 = torch.cat([output_3_1, output_5_1], 1)
        input_3 = torch.cat([self.relu(self.conv_3_2(input_2)), self.relu(self.conv_5_2(input_2))], 1)
        output = self.confusion(input_3)
        output += input_1
        return self.tail(output)


class WDSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.skip = weight_norm(conv(3, C)), weight_norm(nn.Conv2d(3, 12, 5, padding=2))
        self.body = nn.Sequential(
            weight_norm(nn.Conv2d(C, 4 * C, 1)),
            nn.ReLU(True),
            weight_norm(nn.Conv2d(4 * C, C, 1)),
            weight_norm(conv(C, C)),
        )
        self.res_scale, self.tail, self.shuf = 1.0, weight_norm(conv(C, 12)), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - 0.5) / 0.5
        s = self.shuf(self.skip(x))
        x = self.head(x)
        x = self.body(x) * self.res_scale + x
        x = self.shuf(self.tail(x))
        x += s
        return x * 0.5 + 0.5


class UpDown(nn.Module):
    """DBPN: up-projection and down-projection."""

    def __init__(self) -> None:
        super().__init__()
        self.feat = nn.Sequential(conv(3, C), nn.PReLU())
        self.up1, self.down, self.up2 = (
            nn.ConvTranspose2d(C, C, 6, 2, 2),
            nn.Conv2d(C, C, 6, 2, 2),
            nn.ConvTranspose2d(C, C, 6, 2, 2),
        )
        self.act, self.out = nn.PReLU(), conv(C, 3)

    def forward(self, x: Tensor) -> Tensor:
        low = self.feat(x)
        h0 = self.act(self.up1(low))
        l0 = self.act(self.down(h0))
        h1 = self.act(self.up2(l0 - low))
        return self.out(h1 + h0)


class MultiplyFilter(nn.Module):
    """0..255 inside, as many of the field's older codes."""

    def __init__(self) -> None:
        super().__init__()
        self.sub_mean, self.add_mean, self.body = (
            MeanShift(255),
            MeanShift(255, 1),
            nn.Sequential(conv(3, C), nn.ReLU(), conv(C, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.sub_mean(x * 255.0)
        return self.add_mean(x + self.body(x)) / 255.0


NETWORKS: tuple[type[nn.Module], ...] = (
    ESPCN,
    FSRCNN,
    SRCNN,
    VDSR,
    DRRN,
    LapSRN,
    EDSR,
    RCAN,
    RDN,
    SRResNet,
    RRDB,
    MSRN,
    WDSR,
    UpDown,
    MultiplyFilter,
)
