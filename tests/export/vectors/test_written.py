"""Files of simulators: by hand first, then what each wrong thing in them becomes."""

import doctest
import io

import numpy as np
import pytest

from hwrts.export.vectors import packed, words_text, written
from hwrts.export.vectors.check import Difference, Place, count
from hwrts.export.vectors.written import written_words
from hwrts.fixed_point import HwrtsError

ENTRY = {"shape": [2, 1, 3, 2], "bits": 4, "signed": True, "word_bits": 8}
EXPECTED = np.array([[[[1, -1], [2, -2], [3, -3]]], [[[4, -4], [5, -5], [6, -6]]]], np.int8)
TEXT = b"f1\ne2\nd3\nc4\nb5\na6\n"


def test_examples_in_docstrings():
    tried = doctest.testmod(written)
    assert (tried.failed, tried.attempted) == (0, 3)


def counted(text):
    return count(ENTRY, EXPECTED, text, "out.mem")


def test_the_words_that_are_expected_by_hand():
    assert words_text(packed(EXPECTED, 4), 8).encode() == TEXT
    assert counted(TEXT).right
    assert counted(TEXT).codes == 12


@pytest.mark.parametrize(
    "text",
    [
        b"// 0x00000000\nF1\nE2\nD3\n// 0x00000003\nc4\nb5\na6",
        b"@0 f1 e2 /* two\n @7 lines */ d3 @3 c4 b5 a6",
        b"@3\nc4\nb5\na6\n@0\nf1\ne2\nd3\n",
        b"f_1 e_2\n0d3 00c4\r\nb5\ta6",
    ],
)
def test_other_spellings_of_the_same(text):
    assert counted(text).right


def test_the_first_code_that_differs():
    """Word 4 is frame 1, row 0, column 1; its high digit is channel 1."""
    found = counted(TEXT.replace(b"b5", b"75").replace(b"a6", b"a7"))
    assert (found.differing, found.undefined, found.missing) == (2, 0, 0)
    assert found.first == Difference(Place(1, 0, 1, 1), -5, 7)
    assert str(found.first.place) == "frame 1, row 0, column 1, channel 1"


def test_bits_that_nobody_knows():
    found = counted(TEXT.replace(b"e2", b"xZ").replace(b"b5", b"b4"))
    assert (found.differing, found.undefined, found.missing) == (1, 2, 0)
    assert found.first == Difference(Place(0, 0, 1, 0), 2, None)


def test_a_shorter_word_that_begins_with_x_is_all_x():
    assert counted(TEXT.replace(b"e2", b"x")).undefined == 2
    assert counted(TEXT.replace(b"e2", b"2")).differing == 1


@pytest.mark.parametrize("text", [TEXT[:12], TEXT[:12] + b"xx\nxx\n", TEXT[:12] + b"@6\n"])
def test_a_stream_that_stops(text):
    """As a short file, and as the rest of a memory that nobody wrote."""
    found = counted(text)
    assert (found.differing, found.undefined, found.missing, found.beyond) == (0, 0, 2, 0)
    assert found.absent == Place(1, 0, 1)
    assert not found.right


def test_words_in_the_middle_that_are_not_there():
    found = counted(b"@1\ne2\nd3\nc4\nb5\na6\n")
    assert (found.missing, found.absent, found.right) == (1, Place(0, 0, 0), False)


@pytest.mark.parametrize("text", [TEXT + b"00\n00\n", TEXT + b"@ff\n1\n2\n"])
def test_words_that_are_too_many(text):
    found = counted(text)
    assert (found.beyond, found.differing, found.right) == (2, 0, False)


def test_nothing_at_all():
    assert (counted(b"").missing, counted(b"").absent) == (6, Place(0, 0, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"f1\ne2 g3\n",
            r"out\.mem: line 2, 'g3' is no word of hexadecimal digits, x and z; write it with \$w",
        ),
        (b"f1\n\n1e2\n", r"line 3, '1e2' has more than the 8 bits of a word"),
        (b"@q\nf1\n", r"line 1, '@q' is no address"),
        (b"@-1\nf1\n", r"line 1, '@-1' is no address"),
        (b"f1@2\n", r"line 1, 'f1@2' is no word"),
        (b"f1\n" + b"0" * 100 + b"\n", r"line 2, '0{40}' has more than the 8 bits"),
    ],
)
def test_what_is_no_such_file(text, message):
    with pytest.raises(HwrtsError, match=message):
        counted(text)


def test_bits_above_those_of_a_word_within_its_digit():
    assert written_words(b"1ff\n", 1, 9, "w").codes(1, 9, signed=False)[0].tolist() == [[511]]
    with pytest.raises(HwrtsError, match="has more than the 9 bits"):
        written_words(b"2ff\n", 1, 9, "w")


@pytest.mark.parametrize("bits", [1, 5, 8, 13, 32])
def test_there_and_back_in_several_pieces(bits, monkeypatch):
    monkeypatch.setattr(written, "_AT_ONCE", 16)
    codes = np.random.default_rng(bits).integers(0, 1 << bits, (50, 3))
    found = written_words(words_text(packed(codes, bits), 3 * bits).encode(), 50, 3 * bits, "w")
    made, known = found.codes(3, bits, signed=False)
    np.testing.assert_array_equal(made, codes)
    assert known.all()


def stored(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_arrays_of_numpy():
    assert count(ENTRY, EXPECTED, stored(EXPECTED.astype(np.int64)), "out.npy").right
    other = EXPECTED.copy()
    other[1, 0, 2, 0] = 0
    assert count(ENTRY, EXPECTED, stored(other), "out.npy").first == Difference(Place(1, 0, 2, 0), 6, 0)
    one = {**ENTRY, "shape": [1, 1, 3, 2]}
    assert count(one, EXPECTED[:1], stored(EXPECTED[0]), "out.npy").right  # a frame alone


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "out.npy: is no array"),
        (stored(EXPECTED)[:-1], "out.npy: is no array"),
        (stored(EXPECTED.astype(float)), "holds float64, and codes are whole numbers"),
        (stored(EXPECTED[:1]), r"is of shape \(1, 1, 3, 2\); write \(frames, rows, columns, channels\)"),
    ],
)
def test_what_is_no_such_array(content, message):
    with pytest.raises(HwrtsError, match=message):
        count(ENTRY, EXPECTED, content, "out.npy")
