"""The only operation that loses bits: one rounding shift, then one saturation."""

from enum import Enum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from .errors import HwrtsError
from .formats import Format

MIN_SHIFT, MAX_SHIFT = -24, 31
"""Range of the shifter: 31 leaves only the sign of an int32; an int32 shifted left by 24 still fits int64."""


class Rounding(Enum):
    """What happens to the bits that are shifted out (eq. 5).

    The three "half" rules take the nearest code and differ only at ties; FLOOR takes the code below. DOUBLE
    rounds twice: in this table, where one bit is dropped, it is HALF_UP; with more (eq. 44) it is HALF_AWAY
    at ties, and takes the code above for the positive accumulator right below a tie as well.

    | member    | -1.5 | -0.5 | 0.5 | 1.5 |
    |-----------|------|------|-----|-----|
    | HALF_EVEN |   -2 |    0 |   0 |   2 |
    | HALF_UP   |   -1 |    0 |   1 |   2 |
    | HALF_AWAY |   -2 |   -1 |   1 |   2 |
    | FLOOR     |   -2 |   -1 |   0 |   1 |
    | DOUBLE    |   -1 |    0 |   1 |   2 |
    """

    HALF_EVEN = "half_even"
    """Nearest code; a tie goes to the even code. NumPy's rint, torch.round, Brevitas and ONNX do this."""
    HALF_UP = "half_up"
    """Nearest code; a tie goes toward +infinity. In hardware: add half an LSB, drop the low bits."""
    HALF_AWAY = "half_away"
    """Nearest code; a tie goes away from zero."""
    FLOOR = "floor"
    """Toward -infinity: the low bits are dropped."""
    DOUBLE = "double"
    """Half up by one bit, then half away from zero by the others. TFLite's reference kernels, TFLite Micro
    and TOSA's DOUBLE_ROUND do this: a high product by 2**30, then a rounding shift."""


def shift_right(
    acc: NDArray[np.int64], shift: int | NDArray[np.int64], rounding: Rounding
) -> NDArray[np.int64]:
    """Divide by 2**shift with ONE rounding (eq. 5); a negative shift multiplies, exactly.

    Args:
        acc: Accumulators, any shape, |acc| < 2**31.
        shift: Bits to drop, -24..31, a number or one per channel (the last axis).
        rounding: The tie rule.

    Raises:
        HwrtsError: A shift outside -24..31.

    >>> shift_right(np.array([-3, -1, 1, 3]), 1, Rounding.HALF_EVEN).tolist()
    [-2, 0, 0, 2]
    >>> shift_right(np.array([-6, -5, 5, 6]), 2, Rounding.DOUBLE).tolist()  # 5 / 4 is 3 / 2 after one bit
    [-2, -1, 2, 2]
    """
    shift = np.asarray(shift, np.int64)
    if shift.size and not MIN_SHIFT <= shift.min() <= shift.max() <= MAX_SHIFT:
        raise HwrtsError(
            f"requantize: a shift of {shift.min()}..{shift.max()} bits is outside {MIN_SHIFT}..{MAX_SHIFT}; "
            "choose an output format nearer to the accumulator's grid"
        )
    right = np.maximum(shift, 0)
    acc = acc.astype(np.int64) << np.maximum(-shift, 0)
    if rounding is Rounding.DOUBLE:  # the first of its bits goes half up (eq. 44), where there is one
        first = np.minimum(right, 1)
        acc, right = (acc + first) >> first, right - first
    floor: NDArray[np.int64] = acc >> right  # arithmetic shift: rounds toward -infinity for both signs
    one_lsb = np.int64(1) << right
    return rounded_once(acc, floor, (acc - (floor << right)) << 1, one_lsb, rounding)


def rounded_once(
    exact: NDArray[np.int64],
    floor: NDArray[np.int64],
    twice_rest: NDArray[np.int64],
    unit: NDArray[np.int64] | np.int64 | int,
    rounding: Rounding,
) -> NDArray[np.int64]:
    """The floors of quotients, one more where a rule rounds up: the one place of the rules (eq. 5, 36).

    Args:
        exact: What was divided; its sign decides ties of half away.
        floor: Its quotients by ``unit``, rounded toward -infinity.
        twice_rest: Twice what is left, 0 .. 2*unit - 2.
        unit: What it was divided by, above 0.
        rounding: The tie rule; of double what follows its first bit, half away.

    >>> rounded_once(np.array([-6, 6]), np.array([-2, 1]), np.array([4, 4]), 4, Rounding.HALF_AWAY).tolist()
    [-2, 2]
    """
    tie: NDArray[np.bool_] = twice_rest == unit
    match rounding:
        case Rounding.FLOOR:
            return floor
        case Rounding.HALF_EVEN:
            tie &= (floor & 1) == 1
        case Rounding.HALF_UP:
            pass  # every tie
        case Rounding.HALF_AWAY | Rounding.DOUBLE:
            tie &= exact >= 0
        case _:
            assert_never(rounding)
    above: NDArray[np.bool_] = (twice_rest > unit) | tie
    return floor + above.astype(np.int64)


def half_lsb(shift: int | NDArray[np.int64], rounding: Rounding) -> NDArray[np.int64]:
    """What a rule may add to an accumulator before it drops bits: half an LSB of the result, 2**(shift-1).

    Args:
        shift: Bits to drop, a number or one per channel.
        rounding: The tie rule; half to even and floor add nothing, double 1 more where it rounds twice.

    >>> half_lsb(np.array([-1, 0, 1, 4]), Rounding.HALF_UP).tolist()
    [0, 0, 1, 8]
    >>> half_lsb(np.array([-1, 0, 1, 4]), Rounding.DOUBLE).tolist()
    [0, 0, 1, 9]
    """
    shift = np.asarray(shift, np.int64)
    if rounding in (Rounding.HALF_EVEN, Rounding.FLOOR):
        return np.zeros_like(shift)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return half + (shift > 1) if rounding is Rounding.DOUBLE else half


def saturate(codes: NDArray[np.int64], out: Format) -> NDArray[np.integer]:
    """Clamp to the codes of a format and store them in its dtype (eq. 5); unsigned, this is a ReLU.

    >>> saturate(np.array([-5, 300]), Format(signed=False, bits=8, frac=8)).tolist()
    [0, 255]
    """
    return np.clip(codes, out.min, out.max).astype(out.dtype)


def requantize(
    acc: NDArray[np.int64], acc_frac: int | NDArray[np.int64], out: Format, rounding: Rounding
) -> NDArray[np.integer]:
    """Bring accumulators onto the grid of a format: saturate(round(acc * 2**-(acc_frac - out.frac))) (eq. 5).

    Args:
        acc: Accumulators, any shape, channels last, |acc| < 2**31.
        acc_frac: Fraction bits of the accumulator's grid, a number or one per channel.
        out: Format of the result.
        rounding: The tie rule.

    >>> requantize(np.array([-3, -1, 1, 3]), 9, Format(True, 8, 8), Rounding.HALF_UP).tolist()
    [-1, 0, 1, 2]
    """
    return saturate(shift_right(acc, np.asarray(acc_frac, np.int64) - out.frac, rounding), out)


def count_saturated(
    acc: NDArray[np.int64], acc_frac: int | NDArray[np.int64], out: Format, rounding: Rounding
) -> tuple[int, int]:
    """How many accumulators :func:`requantize` would clamp: (below the format, above it).

    Below an unsigned format nothing is counted: there the clamping is the ReLU.

    >>> count_saturated(np.array([-129, -128, 127, 128]), 8, Format(True, 8, 8), Rounding.HALF_EVEN)
    (1, 1)
    """
    codes = shift_right(acc, np.asarray(acc_frac, np.int64) - out.frac, rounding)
    below = int(np.count_nonzero(codes < out.min)) if out.signed else 0
    return below, int(np.count_nonzero(codes > out.max))
