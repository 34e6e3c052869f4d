"""What inputs of several frames are fed of one photograph."""

import numpy as np
import pytest

from hwrts.data.planes import MOVED, NOISE, planes, said_of


def ramp(bits=8):
    crops = np.zeros((1, 8, 10, 3), np.uint8 if bits == 8 else np.uint16)
    crops[:] = (np.arange(8)[:, None, None] * 10 + np.arange(10)[:, None]) * 2 ** (bits - 8) + 40
    return crops


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_frames_are_moved_and_have_noise(bits):
    crops = ramp(bits)
    made = planes(crops, 9, bits=bits)
    assert made.dtype == crops.dtype
    np.testing.assert_array_equal(made[..., :3], crops)
    step = 2 ** (bits - 8)
    for frame in (1, 2):
        now, by = made[..., 3 * frame : 3 * frame + 3].astype(int), MOVED * frame
        noise = now[:, by:, by:] - crops[:, : 8 - by, : 10 - by]
        assert 0 < np.abs(noise).max() <= NOISE * step
        assert now[0, by, by, 0] == pytest.approx(40, abs=NOISE * step)


def test_frames_are_the_same_every_time_and_by_number():
    crops = ramp()
    six, again = planes(crops, 6), planes(crops, 6)
    np.testing.assert_array_equal(six, again)
    np.testing.assert_array_equal(planes(crops, 3, first=1), six[..., 3:])
    np.testing.assert_array_equal(planes(crops, 3), crops)


def test_a_bayer_pattern_stays_in_phase():
    crops = np.zeros((1, 8, 8, 3), np.uint8)
    crops[..., 0], crops[..., 2] = 200, 100
    red, green, other_green, blue = planes(crops, 4, first=1).transpose(3, 0, 1, 2).astype(int)
    assert np.abs(red - 200).max() <= NOISE
    assert np.abs(blue - 100).max() <= NOISE
    assert max(green.max(), other_green.max()) <= NOISE


def test_codes_do_not_wrap():
    white, black = np.full((1, 8, 8, 3), 255, np.uint8), np.zeros((1, 8, 8, 3), np.uint8)
    assert planes(np.full((1, 8, 8, 3), 1023, np.uint16), 3, first=1, bits=10).max() == 1023
    assert planes(white, 3, first=1).min() >= 255 - NOISE
    assert planes(black, 3, first=1).max() <= NOISE


@pytest.mark.parametrize("channels", [2, 5])
def test_other_channels_are_nothing(channels):
    assert planes(ramp(), channels) is None
    assert said_of(channels) is None
