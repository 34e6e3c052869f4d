"""What inspect says of a convolution's shape."""

import numpy as np

from hwrts.cli.inspect import describe
from hwrts.fixed_point import Conv, Format, Input, Network

S8 = Format(True, 8, 7)


def test_a_kernel_has_rows_and_columns_and_what_is_not_1():
    zero = np.zeros(4, np.int32)
    layers = (
        Conv("a", "x", np.ones((4, 1, 1, 3), np.int8), zero + 9, zero, S8, groups=4, stride=2),
        Conv("b", "a", np.ones((4, 4, 3, 3), np.int8), zero + 9, zero, S8),
    )
    first, second = describe(Network((Input("x", 4, S8),), layers), 64)["layers"]
    assert (first["kernel"], first["groups"], first["stride"]) == ([1, 3], 4, 2)
    assert second["kernel"] == [3, 3]
    assert not {"groups", "stride", "dilation"} & set(second)
