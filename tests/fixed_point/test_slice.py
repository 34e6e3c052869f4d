import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Concat,
    Format,
    HwrtsError,
    Input,
    Multiply,
    Network,
    Rounding,
    Slice,
    plan_lines,
)
from hwrts.fixed_point.operators.slice import slice_channels

from .build import check_row_by_row, random_conv

S8 = Format(True, 8, 8)


def test_every_range_by_hand():
    x = np.arange(2 * 3 * 5, dtype=np.int8).reshape(2, 3, 5)
    for start in range(5):
        for stop in range(start + 1, 6):
            found = slice_channels(x, start, stop)
            assert found.shape == (2, 3, stop - start)
            for channel in range(stop - start):
                assert np.array_equal(found[..., channel], x[..., start + channel])


def _of(*layers):
    return Network((Input("x", 4, PIXEL),), layers)


NUMBERS = [1.0, "1", True, None, np.int64(1)]


def test_what_is_refused():
    for start in (-1, 1 << 16, *NUMBERS):
        with pytest.raises(HwrtsError, match=r"'s': start .* is not allowed; use a whole number, 0\.\.65535"):
            _of(Slice("s", "x", start, 4))  # type: ignore[arg-type]
    for stop in (0, (1 << 16) + 1, *NUMBERS):
        with pytest.raises(HwrtsError, match=r"'s': stop .* is not allowed; use a whole number, 1\.\.65536"):
            _of(Slice("s", "x", 0, stop))  # type: ignore[arg-type]
    with pytest.raises(HwrtsError, match=r"'s': channels 2\.\.1 are none; use a stop above the start"):
        _of(Slice("s", "x", 2, 2))
    with pytest.raises(HwrtsError, match=r"'s': reads channels 2\.\.4, 'x' has 4; use a stop of at most 4"):
        _of(Slice("s", "x", 2, 5))


def shuffled(rounding=Rounding.HALF_EVEN):
    """Halves that are exchanged, of which one waits for the other, a gate of two halves, a whole tensor."""
    rng = np.random.default_rng(53)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (8, 3), 3, S8, weight_frac=8),
            Slice("left", "a", 0, 4),
            Slice("right", "a", 4, 8),
            random_conv(rng, "b", "left", (4, 4), 5, S8, weight_frac=8),
            Concat("turned", ("right", "b"), S8),
            Slice("part", "turned", 1, 7),
            Slice("p", "part", 0, 3),
            Slice("q", "part", 3, 6),
            Multiply("gate", ("p", "q"), S8),
            Slice("whole", "gate", 0, 3),
            Slice("blue", "x", 2, 3),
            Multiply("y", ("whole", "blue"), S8),
        ),
        rounding,
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_parts_row_by_row(rounding):
    network = shuffled(rounding)
    codes = np.random.default_rng(54).integers(0, 256, (23, 9, 3)).astype(np.uint8)
    tensors = check_row_by_row(network, codes)
    assert np.array_equal(tensors["turned"][..., :4], tensors["a"][..., 4:])


def test_a_line_buffer_behind_a_slice_keeps_its_channels_alone():
    lines = plan_lines(shuffled().steps)
    assert lines.bits(1)["b"] == 4 * 4 * 8  # four rows of 4 of the 8 channels


def test_the_deliberate_error_is_one_channel_off():
    x = np.arange(12, dtype=np.uint8).reshape(1, 2, 6)

    def broken(start, stop, x=x):
        layer = Slice("s", "x", start, stop)
        return layer.corrupted([x], slice_channels(x, start, stop))

    assert broken(2, 4) == Slice("s", "x", 1, 3)
    assert broken(0, 5) == Slice("s", "x", 1, 6)
    assert broken(1, 3, np.repeat(x, 2, axis=2) * (np.arange(12) >= 3)) == Slice("s", "x", 2, 4)
    found = broken(0, 6)
    assert np.array_equal(found.define([x], [PIXEL], Rounding.FLOOR), x[..., ::-1])
    with pytest.raises(HwrtsError, match="is no layer; use Conv, Add"):
        Network((Input("x", 6, PIXEL),), (found,))
