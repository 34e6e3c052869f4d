"""SRResNet (Ledig et al.: Photo-Realistic Single Image Super-Resolution Using a GAN, 2017)."""

from torch import Tensor, nn

from hwrts.networks.start import PICTURE, interpolate_in_steps, pass_picture_on

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.act = nn.PReLU()
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, h: Tensor) -> Tensor:
        y: Tensor = h + self.norm2(self.conv2(self.act(self.norm1(self.conv1(h)))))  # (N, C, H, W)
        return y


class SRResNet(nn.Module):
    """16 residual blocks with batch norm and P-ReLU at the size of the input, then PixelShuffle.

    With 64 channels it has 1,401,749 parameters for x2. The table's 1.5M are the x4 network of the paper:
    1,549,462, more by one step of up-sampling (4 * 64 maps of 64 * 9 weights and a bias, and a slope). In the
    integer network the batch norms are part of their convolutions.

    Args:
        blocks: Residual blocks.
        channels: Width of the hidden tensors.
        scale: 2 or 4, in steps of 2.
        planes: Channels of the picture: 3, or 1 of luma.
    """

    def __init__(self, blocks: int = 16, channels: int = 64, scale: int = 2, planes: int = PICTURE) -> None:
        super().__init__()
        self.conv_in, self.act_in = nn.Conv2d(planes, channels, 9, padding=4), nn.PReLU()
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.conv_mid, self.norm_mid = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.up = nn.Sequential()
        for _ in range(scale.bit_length() - 1):
            conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
            self.up.extend([conv, nn.PixelShuffle(2), nn.PReLU()])
        self.conv_out = nn.Conv2d(channels, planes, 9, padding=4)
        self.planes = planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        interpolate_in_steps(self.up, self.planes)
        pass_picture_on(self.conv_in, self.planes)
        pass_picture_on(self.conv_out, self.planes)
        nn.init.constant_(self.norm_mid.weight, 0.1)  # small beside a picture of 0..1,
        nn.init.zeros_(self.norm_mid.weight[: self.planes])  # and nothing on it

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        first = self.act_in(self.conv_in(x))  # (N, C, H, W)
        h = first + self.norm_mid(self.conv_mid(self.blocks(first)))
        y: Tensor = self.conv_out(self.up(h))  # (N, P, 2H, 2W)
        return y
