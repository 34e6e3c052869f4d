"""A head, blocks with one long skip over them, and PixelShuffle: what IMDN and RLFN have around theirs."""

from collections.abc import Callable

from torch import Tensor, nn

from hwrts.networks.start import interpolate_picture, pass_picture_on, start_nearly_zero

# Letters of the shape comments: N pictures, P planes (3, or 1 of luma), C channels, H and W rows and columns
# of the INPUT.


class LongSkip(nn.Module):
    """One convolution, blocks and a convolution with a skip over them, one that makes the pixels.

    Args:
        block: Makes a block.
        blocks: How many.
        channels: Width of the hidden tensors.
        scale: Up-scaling factor.
        planes: Channels of the picture: 3, or 1 of luma.
        mid: Side of the kernel behind the blocks.
    """

    def __init__(
        self, block: Callable[[], nn.Module], blocks: int, channels: int, scale: int, planes: int, mid: int
    ) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(planes, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(block() for _ in range(blocks)))
        self.conv_mid = nn.Conv2d(channels, channels, mid, padding=mid // 2)
        self.conv_out = nn.Conv2d(channels, planes * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale, self.planes = scale, planes
        self.start()

    def start(self) -> None:
        """Give the layers the weights that training starts from."""
        pass_picture_on(self.conv_in, self.planes)
        start_nearly_zero(self.conv_mid)
        interpolate_picture(self.conv_out, self.scale, self.planes)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, P, H, W) in 0..1 to (N, P, 2H, 2W), not clipped."""
        first = self.conv_in(x)  # (N, C, H, W)
        h = first + self.conv_mid(self.blocks(first))
        y: Tensor = self.shuffle(self.conv_out(h))  # (N, P, 2H, 2W)
        return y
