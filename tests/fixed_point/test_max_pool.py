import numpy as np
import pytest

from hwrts.fixed_point import Format, HwrtsError, Input, MaxPool, Network, Rounding, plan_lines, run, run_all
from hwrts.fixed_point.operators.max_pool import max_pool

S8 = Format(True, 8, 8)
ROW = np.array([[[3], [-9], [-7], [-8]]], np.int8)


def pooled(x, kernel, stride, pads=(0, 0, 0, 0)):
    return max_pool(x, MaxPool("y", "x", kernel, stride, pads).shape)[..., 0].tolist()


def test_by_hand():
    assert pooled(ROW, (1, 2), 1) == [[3, -7, -7]]
    assert pooled(ROW, (1, 2), 2) == [[3, -7]]
    assert pooled(ROW, (1, 1), 3) == [[3, -8]]
    # pads are no zeros: the last window holds -8 alone
    assert pooled(ROW, (1, 2), 1, (0, 1, 0, 1)) == [[3, 3, -7, -7, -8]]
    assert pooled(ROW.swapaxes(0, 1), (3, 1), 2, (1, 0, 1, 0)) == [[3], [-7]]


def test_a_square_by_hand():
    x = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert pooled(x, (2, 2), 2) == [[5, 7], [13, 15]]
    assert pooled(x, (3, 3), 2, (1, 1, 0, 0)) == [[5, 7], [13, 15]]


@pytest.mark.parametrize("source", [S8, Format(False, 5, 2)])
@pytest.mark.parametrize(
    ("kernel", "stride", "pads"),
    [((2, 2), 2, (0, 0, 0, 0)), ((3, 3), 2, (1, 1, 0, 0)), ((5, 3), 1, (2, 1, 2, 1))],
)
def test_every_path_against_loops(kernel, stride, pads, source):
    rng = np.random.default_rng(4)
    network = Network((Input("x", 3, source),), (MaxPool("y", "x", kernel, stride, pads),))
    x = rng.integers(source.min, source.max, (12, 10, 3), endpoint=True).astype(source.dtype)
    height, width = network.size_of("y", 12, 10)
    expected = np.empty((height, width, 3), int)
    for row in range(height):
        for column in range(width):
            top, left = row * stride - pads[0], column * stride - pads[1]
            part = x[max(0, top) : top + kernel[0], max(0, left) : left + kernel[1]]
            expected[row, column] = part.max(axis=(0, 1))
    for path in ("int64", "fast"):
        assert np.array_equal(run(network, x, path), expected)
    assert run_all(network, x)["y"].dtype == source.dtype


def test_line_memory_by_hand():
    """Of 2x2 pixels the row above waits; of 3x3 with stride 2 two rows wait before the third."""
    for kernel, pads, rows in (((2, 2), (0, 0, 0, 0), 1), ((3, 3), (1, 1, 0, 0), 2)):
        network = Network((Input("x", 3, S8),), (MaxPool("y", "x", kernel, 2, pads),))
        lines = plan_lines(network.steps)
        assert (lines.rows("y"), lines.bits(10)["y"], lines.latency) == (rows, rows * 10 * 3 * 8, 1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (MaxPool("y", "x", (0, 2), 2), "a window's rows 0 is not allowed; use a whole number, 1..32"),
        (MaxPool("y", "x", (2, 2), 33), "stride 33 is not allowed"),
        (MaxPool("y", "x", (2, 2), 2, (2, 0, 0, 0)), "a pad 2 is not allowed; use a whole number, 0..1"),
        (MaxPool("y", "x", (3, 3), 1, (2, 2, 2, 2)), "2 rows and 2 columns larger"),
        (MaxPool("y", "x", (2,), 2), "is not .rows, columns."),  # type: ignore[arg-type]
    ],
)
def test_refusals(layer, message):
    with pytest.raises(HwrtsError, match=message):
        Network((Input("x", 1, S8),), (layer,))


def test_too_small_a_source():
    with pytest.raises(HwrtsError, match="its source is 2x5, it needs at least 3x3"):
        MaxPool("y", "x", (3, 3), 3).define([np.zeros((2, 5, 1), np.int8)], [S8], Rounding.FLOOR)
