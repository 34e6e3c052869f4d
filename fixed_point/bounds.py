"""Proofs about accumulators: what they can reach, and when float32 computes them exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format
from .requantize import MAX_SHIFT, MIN_SHIFT

FLOAT32_LIMIT = 1 << 24
"""Integers of smaller magnitude, and so all their sums in any order, are exact in float32 (eq. 10)."""
INT32_LIMIT = 1 << 31
"""Accumulators of this magnitude wrap in an int32 register."""
FARTHEST_GRIDS = 40
"""Bits between grids beyond which nothing grows any more: an accumulator of 32 has been left long before."""
SHIFTED_LIMIT = INT32_LIMIT - (1 << 8)
"""Accumulators shifted to the left end below it: a zero point is added in the same register (eq. 10b)."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the accumulators of one layer can be, int64 (O,).

    There is one entry for each channel that has numbers of its own, or for each new pixel of the square that
    a pixel becomes; one in all if no channel and no pixel differs from another.

    Attributes:
        lowest: Smallest reachable accumulator, bias included (eq. 9); an input reaches it.
        highest: Largest reachable accumulator, bias included (eq. 9); an input reaches it.
        partial_sum: Bound on every partial sum in any order, sum|w| * max|x| + |b| if linear, with the half
            LSB that the rounding rule may add (eq. 10).
    """

    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    partial_sum: NDArray[np.int64]

    @property
    def exact_in_float32(self) -> bool:
        """Whether float32 computes every sum of this layer exactly, in any order."""
        return int(self.partial_sum.max()) < FLOAT32_LIMIT

    @property
    def float_dtype(self) -> type[np.floating]:
        """The narrowest float that computes it exactly: float64 does for every int32 (eq. 10)."""
        return np.float32 if self.exact_in_float32 else np.float64

    @property
    def bits(self) -> NDArray[np.int64]:
        """Width of the two's complement register that each accumulator needs, (O,)."""
        reach = np.maximum(self.highest, ~self.lowest)  # -2**(n-1) fits n bits, as 2**(n-1) - 1 does
        return np.array([int(value).bit_length() + 1 for value in reach], np.int64)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, and the arithmetic that is exact."""
        exact = ["int32", "float64", *(["float32"] if self.exact_in_float32 else [])]
        lists = {name: getattr(self, name).tolist() for name in ("lowest", "highest", "partial_sum", "bits")}
        return {**lists, "exact_in": exact}


def linear_reach(
    weight: NDArray[np.int64], sources: Sequence[Format], bias: NDArray[np.int64] | None = None
) -> Bounds:
    """The reach of sums of weights (O, n) times codes, plus biases (O,), over all codes (eq. 9, 10).

    Args:
        weight: One row for each accumulator.
        sources: The format of the codes that all weights meet, or one for each of the n weights.
        bias: None for none.

    >>> linear_reach(np.array([[2, -7]]), [Format(False, 8, 8)]).lowest.tolist()  # -7 * 255
    [-1785]
    """
    bias = np.zeros(1, np.int64) if bias is None else bias
    low, high, largest = (
        np.array([getattr(each, end) for each in sources], np.int64) for end in ("min", "max", "magnitude")
    )
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    return Bounds(
        lowest=bias + (up * low + down * high).sum(axis=1),
        highest=bias + (up * high + down * low).sum(axis=1),
        partial_sum=(np.abs(weight) * largest).sum(axis=1) + np.abs(bias),
    )


def room_for_weights(bits: int, source: Format, bias: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the magnitudes of weights may add up to, so that a register holds their sums (eq. 49).

    With a source without a sign it is what those above 0 and what those below 0 may add up to, each; with one
    that has a sign, all together.

    Args:
        bits: Width of the two's complement register.
        source: Format of the codes.
        bias: Magnitudes of what the sums start with.

    >>> room_for_weights(16, Format(False, 8, 8), np.array([0, 200, 40000])).tolist()  # 128 * 255 = 32640
    [128, 127, 0]
    """
    return np.maximum((1 << (bits - 1)) - 1 - bias, 0) // source.magnitude


def check_bounds(where: str, bounds: Bounds, shift: NDArray[np.int64]) -> None:
    """What a requantisation needs: a shift that there is, and numbers that fit int32 with a zero point.

    Args:
        where: The layer, for errors.
        bounds: What its accumulators can be.
        shift: Bits that it drops, a number or one per channel.

    Raises:
        HwrtsError: ONNX Runtime's int32 would wrap silently, or no shifter reaches so far.
    """
    lowest, highest = int(shift.min()), int(shift.max())
    if lowest < MIN_SHIFT or highest > MAX_SHIFT:
        raise HwrtsError(
            f"{where}: a requantising shift of {lowest}..{highest} bits is outside {MIN_SHIFT}..{MAX_SHIFT}; "
            "use nearer grids"
        )
    bound = int(bounds.partial_sum.max())
    if bound >= INT32_LIMIT:
        raise HwrtsError(
            f"{where}: an accumulator can reach {bound}, int32 ends at {INT32_LIMIT - 1}; use fewer bits"
        )
    # what the shifter makes of an accumulator fits int32 too, with a zero point (eq. 10b)
    shifted = np.maximum(bounds.highest, -bounds.lowest) << np.maximum(-shift, 0) >> np.maximum(shift, 0)
    if int(shifted.max()) >= SHIFTED_LIMIT:
        times = f"2^{-np.broadcast_to(shift, shifted.shape)[shifted.argmax()]}"
        raise HwrtsError(
            f"{where}: an accumulator times {times} can reach {shifted.max()} before it is clipped, at most "
            f"{SHIFTED_LIMIT - 1} is allowed; its weights are too large for the grids of its input and output"
        )
