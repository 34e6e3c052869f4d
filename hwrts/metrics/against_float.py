"""How faithful an int8 network is to the float network that it was made of, before anything is clipped.

Letters: H rows, W columns.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import DataError
from hwrts.metrics.fidelity import error_db


def against_float(float_codes: NDArray[np.floating[Any]], int8_codes: NDArray[np.uint8]) -> dict[str, float]:
    """Fidelity and saturation of an int8 output: its codes q against the float output y, in codes, unclipped.

    With e = rint(y) - q over all codes, fidelity is 10 log10(255**2 / mean(e**2)) in dB, 99 where nothing
    differs. y is not clipped to 0..255: a network whose output lies elsewhere has no picture to agree on,
    and clipping both sides would call any two of them equal. A network that clips its own output, as many
    do in their last line, is compared with what it returns. A code saturates where it is 0 or 255 and y is
    beyond it by more than half a code.

    Args:
        float_codes: y, the float network's output times 256, (H, W, 3).
        int8_codes: q, of the same picture, (H, W, 3) uint8.

    Returns:
        fidelity_db; fidelity_largest_codes, the largest abs(e); fidelity_over_1_percent, codes that are
        more than 1 apart; saturated_percent; float_lowest_codes and float_highest_codes, the range of y.

    Raises:
        DataError: Two shapes, or y is not finite.

    >>> q = np.full((1, 2, 3), 255, np.uint8)
    >>> found = against_float(np.array([[[255.4] * 3, [355.0] * 3]]), q)
    >>> round(found["fidelity_db"], 2), found["saturated_percent"], found["float_highest_codes"]
    (11.14, 50.0, 355.0)
    """
    if float_codes.shape != int8_codes.shape or int8_codes.dtype != np.uint8:
        raise DataError(
            f"outputs to compare are {float_codes.dtype} {float_codes.shape} and {int8_codes.dtype} "
            f"{int8_codes.shape}; give two of one shape, the second one uint8"
        )
    if not np.isfinite(float_codes).all():
        raise DataError("the float network makes NaN or infinite values of a photograph; check its weights")
    apart = np.abs(np.rint(float_codes) - int8_codes)
    beyond = ((int8_codes == 0) & (float_codes < -0.5)) | ((int8_codes == 255) & (float_codes > 255.5))
    return {
        "fidelity_db": error_db(float(np.mean(np.square(apart), dtype=np.float64))),
        "fidelity_largest_codes": float(apart.max()),
        "fidelity_over_1_percent": 100 * float(np.mean(apart > 1)),
        "saturated_percent": 100 * float(np.mean(beyond)),
        "float_lowest_codes": float(float_codes.min()),
        "float_highest_codes": float(float_codes.max()),
    }
