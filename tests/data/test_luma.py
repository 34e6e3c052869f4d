"""Pictures in colour through networks that see luma alone (eq. 22, 50)."""

from fractions import Fraction
from itertools import product
from math import floor
from typing import get_args

import numpy as np
import pytest

from hwrts.data import upscale_by_2
from hwrts.data.luma import OWN, POINT, Luma, through
from hwrts.data.matrix import matrix_of
from hwrts.data.resample import Interpolation, enlarged
from hwrts.metrics.fidelity import LUMA

KINDS = [
    Luma(matrix, range_, chroma)  # type: ignore[arg-type]
    for matrix, range_, chroma in product(("bt709", "bt601"), ("limited", "full"), ("bicubic", "bilinear"))
]
SHARES = {
    "bt709": (Fraction(2126, 10000), Fraction(7152, 10000), Fraction(722, 10000)),
    "bt601": (Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)),
}


def near(value):
    return floor(value + Fraction(1, 2))


def every_colour():
    """All 2^24 colours, (4096, 4096, 3)."""
    codes = np.arange(1 << 24, dtype=np.uint32)
    planes = [codes >> shift & 255 for shift in (16, 8, 0)]
    return np.stack(planes, axis=-1).astype(np.uint8).reshape(4096, 4096, 3)


def slowly(luma, pixels, made, scale, bits=8):
    """(50) a pixel at a time, in fractions, with Keys' kernel as its paper has it."""
    of_range = 1 if luma.range == "full" else Fraction(2**bits - 1, 219 * 2 ** (bits - 8))
    gain = Fraction(near(of_range * 2**16), 1 << 16)
    seen = luma.of(pixels, bits)
    height, width, _ = pixels.shape

    def weight(distance):
        d = abs(distance)
        if luma.chroma == "bilinear":
            return max(Fraction(0), 1 - d)
        if d <= 1:
            return Fraction(3, 2) * d**3 - Fraction(5, 2) * d**2 + 1
        return -(d**3) / 2 + Fraction(5, 2) * d**2 - 4 * d + 2 if d < 2 else Fraction(0)

    def at(plane, y, x):
        total = Fraction(0)
        for j, i in product(range(floor(y) - 2, floor(y) + 4), range(floor(x) - 2, floor(x) + 4)):
            share = weight(y - j) * weight(x - i)
            if share:
                total += share * int(plane[min(max(j, 0), height - 1), min(max(i, 0), width - 1)])
        return total

    out = np.empty((height * scale, width * scale, 3), pixels.dtype)
    for row, column in product(range(height * scale), range(width * scale)):
        y, x = ((Fraction(2 * k + 1, 2)) / scale - Fraction(1, 2) for k in (row, column))
        change = gain * (int(made[row, column, 0]) - at(seen[..., 0], y, x))
        for colour in range(3):
            out[row, column, colour] = min(max(near(at(pixels[..., colour], y, x) + change), 0), 2**bits - 1)
    return out


def test_y_of_colours_computed_by_hand():
    """Red of BT.709 is 219/255 * 0.2126 * 255 + 16 = 62.56; of BT.601 in full range 0.299 * 255 = 76.2."""
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert Luma("bt709", "limited").of(colours).ravel().tolist() == [16, 235, 63, 173, 32]
    assert Luma("bt709", "full").of(colours).ravel().tolist() == [0, 255, 54, 182, 18]
    assert Luma("bt601", "limited").of(colours).ravel().tolist() == [16, 235, 81, 145, 41]
    assert Luma("bt601", "full").of(colours).ravel().tolist() == [0, 255, 76, 150, 29]


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("luma", KINDS[::2], ids=lambda luma: luma.said)
def test_y_is_the_exact_value_rounded(luma, bits, picture):
    """The shares, rounded to 2^-16, move no more than a hundredth of a code, of 12 bits a tenth."""
    pixels = of_bits(picture(9, 11), bits)
    white, step = 2**bits - 1, 2 ** (bits - 8)
    black, most = (0, white) if luma.range == "full" else (16 * step, 219 * step)
    found = luma.of(pixels, bits)
    assert found.dtype == pixels.dtype
    for y, x in product(range(9), range(11)):
        shares = zip(SHARES[luma.matrix], pixels[y, x].tolist(), strict=True)
        exact = black + Fraction(most, white) * sum(share * code for share, code in shares)
        assert abs(int(found[y, x, 0]) - exact) <= Fraction(1, 2) + Fraction(step, 160)


def of_bits(pixels, bits):
    """A picture of 8 bits with so many, codes between among them, black and white too."""
    if bits == 8:
        return pixels
    rng, step = np.random.default_rng(bits), 2 ** (bits - 8)
    made = pixels.astype(np.uint16) * step + rng.integers(0, step, pixels.shape).astype(np.uint16)
    made[0, 0], made[0, 1] = 0, 2**bits - 1
    return made


def test_shares_are_those_of_the_measures_and_add_up():
    """BT.601 stands twice: in studio range to measure by, and in 65536ths to compute with."""
    of = matrix_of("bt601", full=True, point=POINT).shares[0]
    assert of == tuple(round(65536 * each * 255 / 219) for each in LUMA) == (19595, 38470, 7471)
    assert sum(of) == 65536


@pytest.mark.parametrize("luma", KINDS[::2], ids=lambda luma: luma.said)
def test_a_network_that_corrects_nothing_changes_no_colour_of_all_there_are(luma):
    pixels = every_colour()
    np.testing.assert_array_equal(through(luma, pixels, lambda y: y, 1), pixels)


def test_greys_of_full_range_are_what_the_network_makes_of_them():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.array_equal(OWN.of(grey), grey[..., :1])
    made = through(OWN, grey, lambda y: 255 - y, 1)
    assert np.array_equal(made, 255 - grey)


@pytest.mark.parametrize("luma", KINDS, ids=lambda luma: f"{luma.said}, {luma.chroma}")
@pytest.mark.parametrize(
    ("scale", "bits"), [(1, 8), (2, 8), (3, 8), (1, 10), (2, 10), (2, 12), (3, 12), (4, 8), (4, 10), (4, 12)]
)
def test_every_code_is_that_of_the_equation(luma, scale, bits, picture):
    pixels = of_bits(picture(5, 4), bits)
    rng = np.random.default_rng(3)
    made = rng.integers(0, 1 << bits, (5 * scale, 4 * scale, 1)).astype(pixels.dtype)
    expected = slowly(luma, pixels, made, scale, bits)
    found = luma.coloured(pixels, luma.of(pixels, bits), made, scale, bits)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bits", [10, 12])
def test_a_deep_picture_that_nothing_corrects_keeps_every_bit(bits, picture):
    pixels = of_bits(picture(23, 18), bits)
    for luma in KINDS:
        np.testing.assert_array_equal(through(luma, pixels, lambda y: y, 1, bits), pixels)
    white = np.full((1, 1, 3), 2**bits - 1, np.uint16)
    assert Luma().of(white, bits).item() == 235 << (bits - 8)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_flat_pictures_stay_what_they_are_up_to_white(scale, bits):
    """The largest sums that there are: every code of them is 2^20 at S = 4, and sums beyond 2^31 wrap."""
    for luma, code in product(KINDS, (2**bits - 1, 2500 >> (12 - bits))):
        pixels = np.full((4, 4, 3), code, np.uint8 if bits == 8 else np.uint16)
        made = through(luma, pixels, lambda y: y.repeat(scale, 0).repeat(scale, 1), scale, bits)
        assert np.unique(made).tolist() == [code]


@pytest.mark.parametrize("kind", get_args(Interpolation))
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_the_sharpest_edges_have_the_sums_of_64_bits(scale, bits, kind):
    """Black and white beside each other, where negative weights make the most of them."""
    edges = np.random.default_rng(bits).integers(0, 2, (9, 9)) * (2**bits - 1)
    for cosited in (False, True):
        words = (0, 9 * scale), 9 * scale, scale
        found, total = enlarged(edges.astype(np.uint16), *words, bits=bits, cosited=cosited, kind=kind)
        wide, same = enlarged(edges, *words, bits=bits, cosited=cosited, kind=kind)
        assert (total, wide.dtype) == (same, np.int64)
        np.testing.assert_array_equal(found, wide)


def test_a_correction_is_the_same_in_red_green_and_blue():
    """10 codes of limited range are 255/219 * 10 = 11.6 of a picture; beyond 255 a colour saturates."""
    flat = np.full((5, 4, 3), (200, 100, 40), np.uint8)
    made = through(Luma(), flat, lambda y: y + np.uint8(10), 1)
    assert np.unique(made.reshape(-1, 3), axis=0).tolist() == [[212, 112, 52]]
    made = through(OWN, flat, lambda y: y + np.uint8(100), 1)
    assert np.unique(made.reshape(-1, 3), axis=0).tolist() == [[255, 200, 140]]


def test_floats_are_neither_rounded_nor_clipped(picture):
    """What a float network is measured by: beside the integers half a code and what saturates."""
    pixels = picture(9, 8)
    made = np.random.default_rng(5).uniform(-40, 300, (18, 16, 1)).astype(np.float32)
    found = Luma().coloured(pixels, Luma().of(pixels), made, 2)
    assert (found.dtype, found.shape) == (np.float32, (18, 16, 3))
    assert found.min() < 0
    assert found.max() > 255
    whole = made.round().clip(0, 255)
    floats = Luma().coloured(pixels, Luma().of(pixels), whole, 2).clip(0, 255)
    integers = Luma().coloured(pixels, Luma().of(pixels), whole.astype(np.uint8), 2)
    assert np.abs(floats - integers).max() <= 0.5 + 1e-4  # float32 of sums near a tie


def test_colours_become_larger_as_pillows_bicubic_makes_them(picture):
    """Where the border does not count: Pillow renormalises there, and here it is repeated."""
    pixels = picture(12, 10)
    sums, total = enlarged(pixels, (0, 24), 20, 2, bits=8, cosited=False, kind="bicubic")
    assert total == 128**2
    inside = slice(4, -4)
    ours, theirs = (sums / total)[inside, inside], upscale_by_2(pixels)[inside, inside]
    assert np.abs(ours - theirs).max() < 1e-3  # Pillow computes in float32


def test_pictures_higher_than_a_band_are_one_piece(monkeypatch, picture):
    pixels = picture(23, 18)
    made = np.random.default_rng(1).integers(0, 256, (46, 36, 1)).astype(np.uint8)
    whole = Luma().coloured(pixels, Luma().of(pixels), made, 2)
    monkeypatch.setattr("hwrts.data.luma._BAND", 5)
    np.testing.assert_array_equal(Luma().coloured(pixels, Luma().of(pixels), made, 2), whole)
    crops = np.stack([pixels[:6], pixels[6:12]])
    np.testing.assert_array_equal(Luma().of(crops), np.stack([Luma().of(each) for each in crops]))
