"""Up-sampling by the fixed taps that the integer network computes with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hwrts.fixed_point import upsample_kernel, upsample_taps


class FixedUpsample(nn.Module):
    """Bilinear or bicubic interpolation with replicated edges; nothing in it is trained.

    Bilinear equals ``F.interpolate(align_corners=False)``, and "bicubic_075" its mode "bicubic", which is
    Keys' kernel with a = -0.75. "bicubic" has a = -0.5, as in Pillow. In integers the taps are the kernel's
    own where 8 bits hold them (bilinear by 2, 4 and 8, both others by 2), else they are rounded to 8 bits
    (docs/arithmetic.md, eq. 34, has what that changes).

    Args:
        kind: "bilinear", "bicubic" or "bicubic_075".
        factor: 2..8.

    Raises:
        HwrtsError: A kind and factor that there is not.
    """

    def __init__(self, kind: str = "bicubic", factor: int = 2) -> None:
        super().__init__()
        upsample_taps(kind, factor)
        self.kind, self.factor = kind, factor

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W) to (N, C, F*H, F*W), not clipped: bicubic overshoots at edges."""
        return ideal_upsample(x, self.kind, self.factor)


def ideal_upsample(x: Tensor, kind: str, factor: int) -> Tensor:
    """Pictures (N, C, H, W) to (N, C, F*H, F*W) by the kernel itself, none of its taps rounded."""
    return _upsampled(x, [[float(tap) for tap in row] for row in upsample_kernel(kind, factor)])


def fixed_upsample(x: Tensor, kind: str, factor: int) -> Tensor:
    """Pictures (N, C, H, W) to (N, C, F*H, F*W), exact wherever the float type holds eq. 17's sums."""
    taps, frac = upsample_taps(kind, factor)  # (F, K)
    return _upsampled(x, (taps / (1 << frac)).tolist())


def _upsampled(x: Tensor, weights: Sequence[Sequence[float]]) -> Tensor:
    """By weights (F, K) of one direction, first down the columns."""
    margin = len(weights[0]) // 2
    for axis in (2, 3):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, -1, 1)
        size = x.shape[axis]
        padded = torch.cat([*[first] * margin, x, *[last] * margin], axis)
        phases = []
        for row in weights:
            terms = [padded.narrow(axis, i, size) * weight for i, weight in enumerate(row) if weight]
            phases.append(torch.stack(terms).sum(0))
        x = torch.stack(phases, axis + 1).flatten(axis, axis + 1)
    return x
