"""What inspect says of a convolution's shape."""

import numpy as np

from hwrts.cost.inside import describe
from hwrts.fixed_point import Conv, Format, Input, Network, save_network

S8 = Format(True, 8, 7)


def network():
    zero = np.zeros(4, np.int32)
    layers = (
        Conv("a", "x", np.ones((4, 1, 1, 3), np.int8), zero + 9, zero, S8, groups=4, stride=2),
        Conv("b", "a", np.ones((4, 4, 3, 3), np.int8), zero + 9, zero, S8),
    )
    return Network((Input("x", 4, S8),), layers)


def test_a_kernel_has_rows_and_columns_and_what_is_not_1():
    first, second = describe(network(), 64)["layers"]
    assert (first["kernel"], first["groups"], first["stride"]) == ([1, 3], 4, 2)
    assert second["kernel"] == [3, 3]
    assert not {"groups", "stride", "dilation"} & set(second)


def test_the_table_has_a_column_of_kernels(hwrts, tmp_path):
    save_network(network(), tmp_path)
    lines = hwrts("inspect", tmp_path).out.splitlines()
    cells = {line.split("│")[0].strip(): line.split("│")[1].strip() for line in lines if "│" in line}
    assert cells == {"a": "1x3 g4 s2", "b": "3x3"}
