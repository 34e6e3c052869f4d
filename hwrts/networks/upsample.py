"""Up-sampling by the fixed taps that the integer network computes with."""

import torch
from torch import Tensor, nn

from hwrts.fixed_point import upsample_taps


class FixedUpsample(nn.Module):
    """Bilinear or bicubic interpolation with replicated edges; nothing in it is trained.

    Bilinear equals ``F.interpolate(align_corners=False)``. Bicubic does not equal torch's: this is Keys'
    kernel with a = -0.5, as in Pillow, whose taps are exact in 7 bits (docs/arithmetic.md, eq. 17); torch has
    a = -0.75.

    Args:
        kind: "bilinear" or "bicubic".
        factor: 2, or 4 for bilinear.

    Raises:
        HwrtsError: A kind and factor that there is not.
    """

    def __init__(self, kind: str = "bicubic", factor: int = 2) -> None:
        super().__init__()
        upsample_taps(kind, factor)
        self.kind, self.factor = kind, factor

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W) to (N, C, F*H, F*W), not clipped: bicubic overshoots at edges."""
        return fixed_upsample(x, self.kind, self.factor)


def fixed_upsample(x: Tensor, kind: str, factor: int) -> Tensor:
    """Pictures (N, C, H, W) to (N, C, F*H, F*W), exact wherever the float type holds eq. 17's sums."""
    taps, frac = upsample_taps(kind, factor)  # (F, K)
    weights = (taps / (1 << frac)).tolist()
    for axis in (2, 3):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, -1, 1)
        margin, size = taps.shape[1] // 2, x.shape[axis]
        padded = torch.cat([*[first] * margin, x, *[last] * margin], axis)
        phases = []
        for row in weights:
            terms = [padded.narrow(axis, i, size) * weight for i, weight in enumerate(row) if weight]
            phases.append(torch.stack(terms).sum(0))
        x = torch.stack(phases, axis + 1).flatten(axis, axis + 1)
    return x
