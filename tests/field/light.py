"""Up-scalers for phones and televisions, in the forms that papers of the field have."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .parts import C, conv


class CARN(nn.Module):
    """CARN-M: grouped convolutions, and everything concatenated with what was before."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.exit = conv(3, C), conv(C, 3)
        self.block = nn.Sequential(
            conv(C, C, groups=4), nn.ReLU(True), conv(C, C, groups=4), nn.ReLU(True), nn.Conv2d(C, C, 1)
        )
        self.c1, self.c2 = nn.Conv2d(2 * C, C, 1), nn.Conv2d(3 * C, C, 1)
        self.up = nn.Sequential(conv(C, 4 * C, groups=2), nn.ReLU(True), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        c0 = o0 = x
        b1 = self.block(o0)
        c1 = torch.cat([c0, b1], dim=1)
        o1 = self.c1(c1)
        b2 = self.block(o1)
        c2 = torch.cat([c1, b2], dim=1)
        o2 = self.c2(c2)
        return self.exit(self.up(o2))


class IMDModule(nn.Module):
    def __init__(self, c: int = C) -> None:
        super().__init__()
        self.distilled, self.remaining = c // 4, c - c // 4
        self.c1, self.c2, self.c3 = conv(c, c), conv(self.remaining, c), conv(self.remaining, self.distilled)
        self.act, self.c5 = nn.LeakyReLU(0.05, True), nn.Conv2d(3 * self.distilled, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.c1(x))
        d1, r1 = torch.split(out, [self.distilled, self.remaining], dim=1)
        out = self.act(self.c2(r1))
        d2, r2 = torch.split(out, [self.distilled, self.remaining], dim=1)
        d3 = self.c3(r2)
        return self.c5(torch.cat([d1, d2, d3], dim=1)) + x


class IMDN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fea_conv = conv(3, C)
        self.imd1, self.imd2 = IMDModule(), IMDModule()
        self.c = nn.Sequential(nn.Conv2d(2 * C, C, 1), nn.LeakyReLU(0.05))
        self.lr_conv, self.upsampler = conv(C, C), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        fea = self.fea_conv(x)
        b1 = self.imd1(fea)
        b2 = self.imd2(b1)
        out = self.lr_conv(self.c(torch.cat([b1, b2], dim=1))) + fea
        return self.upsampler(out)


class RLFB(nn.Module):
    def __init__(self, c: int = C) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r, self.c5 = conv(c, c), conv(c, c), conv(c, c), nn.Conv2d(c, c, 1)
        self.act = nn.LeakyReLU(0.05, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.c1_r(x))
        out = self.act(self.c2_r(out))
        out = self.act(self.c3_r(out))
        out = out + x
        return self.c5(out)


class ESA(nn.Module):
    """Spatial attention at a sixth of the size."""

    def __init__(self, c: int = C, f: int = 4) -> None:
        super().__init__()
        self.conv1, self.conv_f, self.conv2 = (
            nn.Conv2d(c, f, 1),
            nn.Conv2d(f, f, 1),
            nn.Conv2d(f, f, 3, stride=2),
        )
        self.conv3, self.conv4, self.sigmoid = conv(f, f), nn.Conv2d(f, c, 1), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        c1_ = self.conv1(x)
        c1 = self.conv2(c1_)
        v_max = F.max_pool2d(c1, kernel_size=7, stride=3)
        c3 = self.conv3(v_max)
        c3 = F.interpolate(c3, (x.size(2), x.size(3)), mode="bilinear", align_corners=False)
        c4 = self.conv4(c3 + self.conv_f(c1_))
        return x * self.sigmoid(c4)


class RLFN(nn.Module):
    """Without its attention at a sixth of the size, which the phones' versions leave out too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1, self.block_1, self.block_2, self.conv_2 = conv(3, C), RLFB(), RLFB(), conv(C, C)
        self.upsampler = nn.Sequential(conv(C, 3 * 4**2), nn.PixelShuffle(4))

    def forward(self, x: Tensor) -> Tensor:
        out_feature = self.conv_1(x)
        out = self.block_2(self.block_1(out_feature))
        return self.upsampler(self.conv_2(out) + out_feature)


class RFDN(nn.Module):
    """With that attention."""

    def __init__(self) -> None:
        super().__init__()
        self.fea_conv, self.block, self.esa, self.up = conv(3, C), RLFB(), ESA(), conv(C, 12)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.up(self.esa(self.block(self.fea_conv(x)))), 2)


class PA(nn.Module):
    def __init__(self, nf: int) -> None:
        super().__init__()
        self.conv, self.sigmoid = nn.Conv2d(nf, nf, 1), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.sigmoid(self.conv(x))
        return torch.mul(x, y)


class PAN(nn.Module):
    """Pixel attention, and up-sampling by nearest neighbours beside a bilinear picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_first, self.body = (
            conv(3, C),
            nn.Sequential(conv(C, C, bias=False), nn.LeakyReLU(0.2, True), PA(C)),
        )
        self.upconv1, self.att1, self.hrconv, self.conv_last = conv(C, C), PA(C), conv(C, C), conv(C, 3)
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        fea = self.conv_first(x)
        fea = fea + self.body(fea)
        fea = self.upconv1(F.interpolate(fea, scale_factor=2, mode="nearest"))
        fea = self.lrelu(self.att1(fea))
        fea = self.lrelu(self.hrconv(fea))
        out = self.conv_last(fea)
        ilr = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return out + ilr


class ECB(nn.Module):
    """An edge-oriented block in training form: its weights are summed while it runs."""

    mask: Tensor

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.k0, self.b0 = nn.Parameter(0.2 * torch.randn(o, i, 3, 3)), nn.Parameter(torch.zeros(o))
        self.k1, self.scale = (
            nn.Parameter(0.2 * torch.randn(o, i, 1, 1)),
            nn.Parameter(0.1 * torch.randn(o, 1, 1, 1)),
        )
        sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
        self.register_buffer("mask", sobel.repeat(o, 1, 1, 1))
        self.act = nn.PReLU(o)

    def rep_params(self) -> tuple[Tensor, Tensor]:
        edge = self.scale * self.mask
        return self.k0 + F.pad(self.k1, (1, 1, 1, 1)) + edge.expand_as(self.k0), self.b0

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.rep_params()
        return self.act(F.conv2d(x, weight, bias, stride=1, padding=1))


class ECBSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(ECB(1, C), ECB(C, C), ECB(C, 4))
        self.upsampler = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.backbone(x) + x
        return self.upsampler(y)


class RepVGGBlock(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.rbr_dense = nn.Sequential(conv(c, c, bias=False), nn.BatchNorm2d(c))
        self.rbr_1x1 = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        self.rbr_identity, self.nonlinearity = nn.BatchNorm2d(c), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.nonlinearity(self.rbr_dense(x) + self.rbr_1x1(x) + self.rbr_identity(x))


class RepVGG(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.body, self.tail = (
            conv(3, C),
            nn.Sequential(RepVGGBlock(C), RepVGGBlock(C)),
            conv(C, 12),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.tail(self.body(self.head(x))), 2)


class XLSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.side = conv(3, 16), conv(3, 8)
        self.gblock = nn.Sequential(conv(16, 16, groups=4), nn.ReLU(), nn.Conv2d(16, 16, 1))
        self.mix, self.tail, self.shuffle = nn.Conv2d(24, 16, 1), conv(16, 12), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.gblock(self.head(x))
        y = F.relu(self.mix(torch.cat((y, self.side(x)), dim=1)))
        return torch.clamp(self.shuffle(self.tail(y)), min=0, max=1)


class SPAB(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r, self.act1 = conv(c, c), conv(c, c), conv(c, c), nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out1 = self.c1_r(x)
        out1_act = self.act1(out1)
        out2 = self.c2_r(out1_act)
        out2_act = self.act1(out2)
        out3 = self.c3_r(out2_act)
        sim_att = torch.sigmoid(out3) - 0.5
        out = (out3 + x) * sim_att
        return out, out1, sim_att


class SPAN(nn.Module):
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.Tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1))
        self.img_range = 1.0
        self.conv_1, self.block_1, self.block_2, self.conv_2 = conv(3, C), SPAB(C), SPAB(C), conv(C, C)
        self.conv_cat, self.upsampler = nn.Conv2d(3 * C, C, 1), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        self.mean = self.mean.type_as(x)
        x = (x - self.mean) * self.img_range
        feature = self.conv_1(x)
        b1, _, _ = self.block_1(feature)
        b2, b2_2, _ = self.block_2(b1)
        out = self.conv_cat(torch.cat([feature, self.conv_2(b2), b2_2], 1))
        return self.upsampler(out)


class BSConvU(nn.Module):
    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.pw, self.dw = (
            nn.Conv2d(i, o, (1, 1), bias=False),
            nn.Conv2d(o, o, 3, padding=1, groups=o, padding_mode="reflect"),
        )

    def forward(self, fea: Tensor) -> Tensor:
        return self.dw(self.pw(fea))


class BSRN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fea_conv, self.body, self.gelu = BSConvU(12, C), BSConvU(C, C), nn.GELU()
        self.upsampler = nn.Sequential(nn.Conv2d(C, 12, 3, 1, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, x, x, x], dim=1)
        fea = self.fea_conv(x)
        return self.upsampler(self.gelu(self.body(fea)) + fea)


class MobileSR(nn.Module):
    """Inverted residuals with ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = conv(3, C), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))
        self.mb = nn.Sequential(
            nn.Conv2d(C, 3 * C, 1, bias=False), nn.BatchNorm2d(3 * C), nn.ReLU6(inplace=True),
            conv(3 * C, 3 * C, groups=3 * C, bias=False), nn.BatchNorm2d(3 * C), nn.ReLU6(inplace=True),
            nn.Conv2d(3 * C, C, 1, bias=False), nn.BatchNorm2d(C),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.mb(x))


class VapSR(nn.Module):
    """Large-kernel attention: depthwise, dilated depthwise, pointwise; then a product."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.proj = conv(3, C), nn.Conv2d(C, C, 1)
        self.pointwise, self.depthwise = nn.Conv2d(C, C, 1), nn.Conv2d(C, C, 5, padding=2, groups=C)
        self.depthwise_dilated = nn.Conv2d(C, C, 5, stride=1, padding=6, groups=C, dilation=3)
        self.pixel_norm, self.tail = nn.LayerNorm(C), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x = self.head(x)
        u = self.depthwise_dilated(self.depthwise(self.pointwise(x)))
        x = F.gelu(self.proj(x)) * u + shortcut
        x = x.permute(0, 2, 3, 1)
        x = self.pixel_norm(x)
        x = x.permute(0, 3, 1, 2).contiguous()
        return self.tail(x)


class SRVGGNetCompact(nn.Module):
    def __init__(self, upscale: int = 4) -> None:
        super().__init__()
        self.upscale, self.body = upscale, nn.ModuleList()
        self.body.append(nn.Conv2d(3, C, 3, 1, 1))
        self.body.append(nn.PReLU(num_parameters=C))
        for _ in range(2):
            self.body.append(nn.Conv2d(C, C, 3, 1, 1))
            self.body.append(nn.PReLU(num_parameters=C))
        self.body.append(nn.Conv2d(C, 3 * upscale * upscale, 3, 1, 1))
        self.upsampler = nn.PixelShuffle(upscale)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i in range(0, len(self.body)):
            out = self.body[i](out)
        out = self.upsampler(out)
        base = F.interpolate(x, scale_factor=self.upscale, mode="nearest")
        out += base
        return out


class ConvNeXtSR(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.dwconv, self.norm = (
            conv(3, C),
            nn.Conv2d(C, C, kernel_size=7, padding=3, groups=C),
            nn.LayerNorm(C, eps=1e-6),
        )
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(C, 4 * C), nn.GELU(), nn.Linear(4 * C, C)
        self.gamma, self.tail = (
            nn.Parameter(0.5 * torch.ones(C)),
            nn.Sequential(conv(C, 12), nn.PixelShuffle(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        shortcut = x
        x = self.dwconv(x)
        x = x.permute(0, 2, 3, 1)
        x = self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        x = self.gamma * x
        x = shortcut + x.permute(0, 3, 1, 2)
        return self.tail(x)


class ShuffleMixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = conv(3, C), nn.Sequential(conv(C, 12), nn.PixelShuffle(2))
        self.mlp, self.dw = (
            nn.Sequential(nn.Conv2d(C // 2, C, 1), nn.SiLU(True), nn.Conv2d(C, C // 2, 1)),
            nn.Conv2d(C, C, 7, 1, 3, groups=C),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        x1, x2 = torch.chunk(x, 2, dim=1)
        x = torch.cat([self.mlp(x1), x2], dim=1)
        b, c, h, w = x.size()
        x = x.reshape(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        return self.tail(self.dw(x))


class InceptionSR(nn.Module):
    """Asymmetric kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.row, self.column = (
            nn.Conv2d(3, C, (1, 3), padding=(0, 1)),
            nn.Conv2d(C, C, (3, 1), padding=(1, 0)),
        )
        self.tall, self.tail = (
            nn.Conv2d(3, C, (5, 1), padding=(2, 0)),
            nn.Sequential(nn.Conv2d(2 * C, 12, 1), nn.PixelShuffle(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(F.relu(torch.cat([self.column(self.row(x)), self.tall(x)], 1)))


NETWORKS: tuple[type[nn.Module], ...] = (
    CARN,
    IMDN,
    RLFN,
    RFDN,
    PAN,
    ECBSR,
    RepVGG,
    XLSR,
    SPAN,
    BSRN,
    MobileSR,
    VapSR,
    SRVGGNetCompact,
    ConvNeXtSR,
    ShuffleMixer,
    InceptionSR,
)
