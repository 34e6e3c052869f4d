"""Arrays as headers of C."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.text import number

_SMALLEST = -(1 << 31)


def c_type(bits: int, signed: bool) -> str:
    """The narrowest type of C that holds numbers of so many bits.

    >>> c_type(5, False), c_type(9, True), c_type(32, True)
    ('uint8_t', 'int16_t', 'int32_t')
    """
    width = next(each for each in (8, 16, 32) if bits <= each)
    return f"{'' if signed else 'u'}int{width}_t"


def c_array(name: str, values: NDArray[np.integer], bits: int, signed: bool) -> str:
    """The definition of an array, what is one word of a memory on a line.

    >>> print(c_array("w", np.array([[[1, -2], [3, 4]]]), 8, True), end="")
    static const int8_t w[4] = { /* 1 x 2 x 2 */
    1,-2,
    3,4
    };
    """
    shape = " x ".join(map(str, values.shape))
    lines = ",\n".join(",".join(map(str, line)) for line in values.reshape(-1, values.shape[-1]).tolist())
    if values.size and int(values.min()) == _SMALLEST:  # which C cannot say plainly
        lines = lines.replace(str(_SMALLEST), number(_SMALLEST))
    return f"static const {c_type(bits, signed)} {name}[{values.size}] = {{ /* {shape} */\n{lines}\n}};\n"


def c_header(name: str, arrays: list[str]) -> str:
    """A whole header, which may be included twice."""
    guard = f"HWRTS_{name.upper()}_H"
    return f"#ifndef {guard}\n#define {guard}\n#include <stdint.h>\n\n" + "\n".join(arrays) + "\n#endif\n"
