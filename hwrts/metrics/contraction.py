"""The contraction a of recurrent training: which share of the detail lost by down-scaling a stage adds.

The paper explains the convergence of its targets by HR_n = HR0 + (a + a^2 + ... + a^n) e to first order, with
e the detail of HR0 that down-scaling loses. Projecting HR_n - HR0 on e gives the factor of e; for stage 1 it
is a.

Letters: H rows, W columns.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.data.degrade import Kernel, downscale_by_2, upscale_by_2
from hwrts.errors import DataError


def contraction(
    enhanced: NDArray[np.uint8],
    original: NDArray[np.uint8],
    *,
    down: Kernel = "lanczos",
    up: Kernel = "bicubic",
) -> float:
    """Share of the lost detail in what a stage added: a = <HR_n - HR0, e> / <e, e>, e = HR0 - U(D(HR0)).

    This is the least-squares solution of HR_n - HR0 = a e over all pixels and channels. Of stage 1 it is the
    paper's contraction a, of stage n the sum a + a^2 + ... + a^n. 0: nothing of it was added; 1: as much as
    was lost.

    Args:
        enhanced: HR_n, (H, W, 3) uint8, H and W even.
        original: HR0, of the same shape.
        down: D; the paper's down-scaler is Lanczos.
        up: U, back to full size; bicubic is what networks are measured against here. The paper does not name
            it; on photographs bilinear gives a tenth less, Lanczos a few percent more.

    Raises:
        DataError: Two shapes, an odd size, another dtype, or an original without detail (e = 0).
    """
    if enhanced.shape != original.shape or enhanced.dtype != np.uint8 or original.dtype != np.uint8:
        raise DataError(
            f"pictures to compare are {enhanced.dtype} {enhanced.shape} and {original.dtype} "
            f"{original.shape}; give two uint8 (height, width, 3)"
        )
    lost = original - upscale_by_2(downscale_by_2(original, down), up)  # (H, W, 3) float32
    energy = float(np.sum(np.square(lost), dtype=np.float64))
    # Rounding of the resizing alone leaves errors of 1e-5 codes in a flat picture.
    if energy <= (1e-3) ** 2 * lost.size:
        raise DataError("the original has no detail that down-scaling loses; leave this picture out")
    added = enhanced.astype(np.float32) - original  # (H, W, 3)
    return float(np.sum(added * lost, dtype=np.float64)) / energy


@dataclass(frozen=True)
class Spread:
    """A measure over several pictures, as the paper gives it: 0.779 +- 0.098."""

    mean: float
    deviation: float
    """Population standard deviation: 0 for one picture."""
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} +- {self.deviation:.3f}"


def spread(values: Iterable[float]) -> Spread:
    """Mean and population deviation of a measure over pictures.

    Raises:
        DataError: No value, or one that is not finite.

    >>> str(spread([0.5, 1.0]))
    '0.750 +- 0.250'
    """
    found = list(values)
    if not found or not all(map(math.isfinite, found)):
        raise DataError(f"mean of {found}: give one or more finite values")
    return Spread(float(np.mean(found)), float(np.std(found)), len(found))
