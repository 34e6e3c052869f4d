"""Planes to colours and back: hand-computed codes, and the equations a pixel at a time."""

import numpy as np
import pytest

from hwrts.errors import DataError
from hwrts.video.colours import Rgb
from hwrts.video.layout import layout_of

from . import slowly


def layout(name="yuv444p", height=1, width=1, *, full=False, space=1):
    return layout_of("clip", name, height, width, full=full, space=space)


def planes_of(*codes, dtype=np.uint8):
    return tuple(np.array([[code]], dtype) for code in codes)


@pytest.mark.parametrize(
    ("codes", "full", "space", "rgb"),
    [
        ((16, 128, 128), False, 1, [0, 0, 0]),
        ((235, 128, 128), False, 1, [255, 255, 255]),
        ((126, 128, 128), False, 1, [128, 128, 128]),
        ((254, 128, 128), False, 1, [255, 255, 255]),  # whiter than white
        ((63, 102, 240), False, 1, [255, 1, 0]),  # red of BT.709
        ((81, 90, 240), False, 6, [254, 0, 0]),  # red of BT.601
        ((77, 128, 128), True, 6, [77, 77, 77]),
        ((255, 128, 128), True, 1, [255, 255, 255]),
    ],
)
def test_codes_by_hand(codes, full, space, rgb):
    assert Rgb(layout(full=full, space=space), 1).seen(planes_of(*codes))[0, 0].tolist() == rgb


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("space", [1, 5, 6, 7, 9])
def test_greys_have_no_colour_and_keep_their_codes(bits, full, space):
    """Every code of Y without colour is one grey, and a grey's change changes no chroma."""
    shape = (1, 1 << bits)
    each = layout("yuv444p" if bits == 8 else "yuv444p10le", *shape, full=full, space=space)
    luma = np.arange(1 << bits, dtype=each.dtype)[None]
    grey = np.full(shape, 128 << (bits - 8), each.dtype)
    conversion = Rgb(each, 1)
    seen = conversion.seen((luma, grey, grey))
    assert (seen[..., 0] == seen[..., 1]).all()
    assert (seen[..., 2] == seen[..., 1]).all()
    made = conversion.made((luma, grey, grey), seen, 255 - seen)
    assert (made[1] == grey).all()
    assert (made[2] == grey).all()


def test_shares_add_up():
    """Of white the range of luma, of chroma nothing."""
    for bits in ("yuv444p", "yuv444p10le"):
        for full in (False, True):
            for space in (1, 6, 7, 9):
                each = layout(bits, full=full, space=space)
                sums = [sum(row) for row in each.coefficients().shares]
                most = each.most if full else 219 << (each.bits - 8)
                assert sums == [(2 * most * 2**14 + 255) // (2 * 255), 0, 0]


@pytest.mark.parametrize(
    ("codes", "full", "rgb"),
    [
        ((64, 512, 512), False, [0, 0, 0]),
        ((940, 512, 512), False, [1023, 1023, 1023]),
        ((1019, 512, 512), False, [1023, 1023, 1023]),  # whiter than white
        ((250, 409, 960), False, [1023, 0, 0]),  # red of BT.709: 64 + 876 * 0.2126, 512 - 448 * 0.1146 * 2
        ((311, 512, 512), True, [311, 311, 311]),
    ],
)
def test_ten_bits_by_hand(codes, full, rgb):
    """White of limited range, 940, is the largest code of ten bits; of full range a grey is its own code."""
    each = layout("yuv444p10le", full=full)
    assert Rgb(each, 1, 10).seen(planes_of(*codes, dtype=np.uint16))[0, 0].tolist() == rgb


KINDS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "gray", "gray10le"]


def random_planes(each, rng):
    return tuple(rng.integers(0, each.most + 1, shape).astype(each.dtype) for shape in each.shapes())


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_every_code_is_that_of_the_equations(name, scale, bits):
    sizes = ((1, 1), (3, 5), (4, 6), (35, 2)) if bits == 8 else ((3, 5), (4, 2))
    for number, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(number)
        full, (space, matrix) = bool(number % 2), ((1, "bt709"), (6, "bt601"), (9, "bt2020"))[number % 3]
        each = layout(name, height, width, full=full, space=space)
        planes, conversion = random_planes(each, rng), Rgb(each, scale, bits)
        seen = conversion.seen(planes)
        words = (each.bits, each.across or 1, each.down or 1, full, matrix)
        wanted_seen = slowly.colours(planes, *words, bits)
        assert seen.dtype == wanted_seen.dtype
        assert (seen == wanted_seen).all()
        result = rng.integers(0, 1 << bits, (height * scale, width * scale, 3)).astype(seen.dtype)
        made = conversion.made(planes, seen, result)
        expected = slowly.back(planes, seen, result, *words, scale, bits)
        for got, wanted in zip(made, expected, strict=True):
            assert got.dtype == wanted.dtype
            assert np.array_equal(got, wanted)


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("name", KINDS)
def test_where_nothing_is_corrected_every_code_stays(name, bits):
    """A 10-bit ramp stays one, and so do codes beyond black and white."""
    each = layout(name, 47, 53)
    planes = random_planes(each, np.random.default_rng(1))
    conversion = Rgb(each, 1, bits)
    seen = conversion.seen(planes)
    for made in (conversion.made(planes, seen, seen), conversion.kept(planes)):
        assert all(np.array_equal(one, other) for one, other in zip(made, planes, strict=True))


def test_a_frame_that_no_network_saw_is_enlarged():
    each = layout("yuv420p10le", 5, 7)
    planes = random_planes(each, np.random.default_rng(2))
    still = np.zeros((5, 7, 3), np.uint8)
    conversion = Rgb(each, 2)
    kept, made = conversion.kept(planes), conversion.made(planes, still, np.zeros((10, 14, 3), np.uint8))
    assert [plane.shape for plane in kept] == [(10, 14), (5, 7), (5, 7)]
    assert all(np.array_equal(one, other) for one, other in zip(made, kept, strict=True))


@pytest.mark.parametrize(
    ("name", "space", "words"),
    [
        ("yuva420p", 1, "has an alpha plane"),
        ("gbrp", 0, "is none of gray"),
        ("yuv420p12le", 1, "is none of gray"),
        ("yuv420p", 8, "colour matrix is number 8"),
        ("yuv420p", 10, "colour matrix is number 10"),
    ],
)
def test_others_are_refused_by_name(name, space, words):
    with pytest.raises(DataError, match=words):
        layout(name, space=space)


@pytest.mark.parametrize(("height", "matrix"), [(576, "bt601"), (720, "bt709")])
def test_what_names_no_matrix_goes_by_its_lines(height, matrix):
    assert layout(height=height, width=8, space=2).matrix == matrix
    assert layout_of("clip", "yuvj420p", height, 8, full=False, space=2, matrix="bt2020").matrix == "bt2020"
    assert layout("yuvj420p", height, 8, space=2).full
