import numpy as np
import pytest

from hwrts.fixed_point import PIXEL, Format, HwrtsError


@pytest.mark.parametrize(
    ("signed", "bits", "low", "high", "dtype"),
    [
        (False, 8, 0, 255, np.uint8),
        (True, 8, -128, 127, np.int8),
        (False, 2, 0, 3, np.uint8),
        (True, 2, -2, 1, np.int8),
        (True, 10, -512, 511, np.int16),
        (False, 9, 0, 511, np.uint16),
        (True, 16, -32768, 32767, np.int16),
        (False, 16, 0, 65535, np.uint16),
    ],
)
def test_codes_of_a_format(signed, bits, low, high, dtype):
    form = Format(signed, bits, 8)
    assert (form.min, form.max, form.magnitude, form.dtype) == (low, high, max(high, -low), dtype)
    assert np.iinfo(form.dtype).min <= low
    assert np.iinfo(form.dtype).max >= high


def test_the_pixel_format():
    assert Format(signed=False, bits=8, frac=8) == PIXEL
    assert str(PIXEL) == "u8 lsb 2^-8"
    assert str(Format(True, 10, -3)) == "s10 lsb 2^3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((True, 1, 8), "1 bits are not supported; use 2..16"),
        ((True, 17, 8), "17 bits are not supported; use 2..16"),
        ((True, 8, 33), "33 fraction bits are not supported; use -32..32"),
        ((True, 8, -33), "-33 fraction bits are not supported; use -32..32"),
        ((1, 8, 8), "use bool, int, int"),
        ((True, 8.0, 8), "use bool, int, int"),
        ((True, True, 8), "use bool, int, int"),
        ((True, 8, "8"), "use bool, int, int"),
        ((True, np.int64(8), 8), "use bool, int, int"),
    ],
)
def test_refused_formats(arguments, message):
    with pytest.raises(HwrtsError, match=message):
        Format(*arguments)
