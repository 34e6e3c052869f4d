"""Words of .mem files: by hand first, then there and back."""

import doctest

import numpy as np
import pytest

from hwrts.export.vectors import packed, packing, read_words, unpacked, word_bits, words_text
from hwrts.fixed_point import Format, HwrtsError


def test_examples_in_docstrings():
    tried = doctest.testmod(packing)
    assert tried.failed == 0
    assert tried.attempted >= 6


def test_a_pixel_by_hand():
    """Channel 0 in the low bits; negative codes in two's complement of the width of one."""
    codes = np.array([[[1, 2, 3], [255, 0, 128]]], np.uint8)
    assert packed(codes, 8) == [0x030201, 0x8000FF]
    assert packed(np.array([[[-1, -2, 1]]], np.int8), 4) == [0x1EF]
    assert packed(np.array([[[-1, 1]]], np.int16), 9) == [(1 << 9) | 0x1FF]
    assert words_text(packed(np.array([[[-1, 1]]]), 9), word_bits(2, 9)) == "003ff\n"


def test_pixels_go_from_left_to_right_then_down():
    assert packed(np.arange(6).reshape(2, 3, 1), 8) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [2, 5, 8, 13, 16])
def test_there_and_back(signed, bits):
    out = Format(signed, bits, 0)
    codes = np.random.default_rng(bits).integers(out.min, out.max, (3, 4, 7), endpoint=True).astype(out.dtype)
    text = words_text(packed(codes, bits), word_bits(7, bits))
    again = unpacked(read_words(text), 7, out)
    assert again.dtype == out.dtype
    np.testing.assert_array_equal(again, codes.reshape(-1, 7))


def test_accumulators_are_packed_too():
    assert packed(np.array([[-(1 << 31), (1 << 31) - 1]]), 32) == [0x7FFFFFFF_80000000]


@pytest.mark.parametrize("code", [256, -129])
def test_a_code_that_does_not_fit_is_refused(code):
    with pytest.raises(HwrtsError, match="do not fit 8 bits"):
        packed(np.array([[code]]), 8)


def test_what_a_simulator_does_not_know_is_refused():
    with pytest.raises(HwrtsError, match=r"out\.mem: line 2, 'xx' is no hexadecimal number"):
        read_words("00\nxx\n", "out.mem")
