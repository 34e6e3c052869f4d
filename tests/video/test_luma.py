"""A clip's planes for a network of luma: the equations a pixel at a time, and what passes."""

from typing import Any

import numpy as np
import pytest

from hwrts.data.luma import OWN, Luma
from hwrts.data.resample import Interpolation
from hwrts.video.luma import OfLuma

from . import slowly
from .test_colours import KINDS, layout, random_planes

WEIGHTS: dict[Interpolation, Any] = {"bicubic": slowly.keys, "bilinear": slowly.triangle}


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("chroma", WEIGHTS)
def test_every_code_is_that_of_the_equations(name, scale, chroma, bits):
    for number, (height, width) in enumerate(((1, 1), (3, 5), (4, 6))[0 if bits == 8 else 1 :]):
        rng = np.random.default_rng(number)
        each = layout(name, height, width)
        planes, conversion = random_planes(each, rng), OfLuma(each, scale, Luma(chroma=chroma), bits)
        seen = conversion.seen(planes)
        wanted_seen = slowly.luma_seen(planes[0], each.bits, bits)
        assert seen.dtype == wanted_seen.dtype
        assert np.array_equal(seen, wanted_seen)
        result = rng.integers(0, 1 << bits, (height * scale, width * scale, 1)).astype(seen.dtype)
        words = (each.bits, each.across or 1, each.down or 1, scale, WEIGHTS[chroma])
        expected = slowly.luma_back(planes, result, *words, bits)
        for got, wanted in zip(conversion.made(planes, seen, result), expected, strict=True):
            assert got.dtype == wanted.dtype
            assert np.array_equal(got, wanted)


@pytest.mark.parametrize("name", KINDS)
def test_codes_of_8_bits_go_through_and_chroma_is_not_touched(name):
    each = layout(name, 47, 53)
    planes = random_planes(each, np.random.default_rng(1))
    conversion = OfLuma(each, 1, Luma())
    seen = conversion.seen(planes)
    if each.bits == 8:
        assert np.array_equal(seen[..., 0], planes[0])
        made = conversion.made(planes, seen, 255 - seen)
        assert np.array_equal(made[0], 255 - planes[0])
    for same in (conversion.made(planes, seen, seen), conversion.kept(planes)):
        assert all(np.array_equal(one, other) for one, other in zip(same, planes, strict=True))
    assert all(one is other for one, other in zip(conversion.kept(planes)[1:], planes[1:], strict=True))


def test_ten_bits_are_rounded_to_what_is_seen_and_keep_their_own():
    """Codes 0..1023: 1 of 4 rounds up from 2 on, 1022 and 1023 are 255; one code of correction is four."""
    ramp = np.arange(1024, dtype=np.uint16)[None]
    conversion = OfLuma(layout("gray10le", 1, 1024), 1, Luma())
    seen = conversion.seen((ramp,))
    assert seen[0, [0, 1, 2, 3, 5, 6, 1017, 1018, 1023], 0].tolist() == [0, 0, 1, 1, 1, 2, 254, 255, 255]
    made = conversion.made((ramp,), seen, np.minimum(seen, 254) + np.uint8(1))[0]
    unclipped = seen[0, :, 0] < 255
    assert np.array_equal(made[0, unclipped], ramp[0, unclipped] + 4)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_as_many_bits_or_more_sees_every_code(name, bits):
    """All codes of the clip, in all their bits; where none is changed, every one comes back."""
    most = 1023 if "10" in name else 255
    each = layout(name, 1, most + 1)
    planes = random_planes(each, np.random.default_rng(6))
    ramp = np.arange(most + 1).astype(each.dtype)[None]
    conversion = OfLuma(each, 1, Luma(), bits)
    seen = conversion.seen((ramp, *planes[1:]))
    assert seen[0, :, 0].tolist() == [code << (bits - each.bits) for code in range(most + 1)]
    made = conversion.made((ramp, *planes[1:]), seen, seen)
    assert all(np.array_equal(one, other) for one, other in zip(made, (ramp, *planes[1:]), strict=True))
    if bits == each.bits:
        assert np.array_equal(conversion.made((ramp, *planes[1:]), seen, most - seen)[0], most - ramp)


def test_where_nothing_is_corrected_a_frame_is_what_no_network_saw():
    for chroma in WEIGHTS:
        each = layout("yuv420p10le", 5, 7)
        planes = random_planes(each, np.random.default_rng(2))
        conversion = OfLuma(each, 2, Luma(chroma=chroma))
        still = np.zeros((5, 7, 1), np.uint8)
        kept, made = conversion.kept(planes), conversion.made(planes, still, np.zeros((10, 14, 1), np.uint8))
        assert [plane.shape for plane in kept] == [(10, 14), (5, 7), (5, 7)]
        assert all(np.array_equal(one, other) for one, other in zip(made, kept, strict=True))


@pytest.mark.parametrize(
    ("name", "full", "space", "luma", "said"),
    [
        ("yuv420p", False, 1, Luma(), None),
        ("yuv420p", False, 6, Luma(), "bt601, limited range, and the network has learnt from bt709, limited"),
        ("yuv420p", True, 1, Luma(), "the clip's luma is bt709, full range"),
        ("yuv420p", True, 6, OWN, None),
        ("yuv420p", False, 6, OWN, "the network is assumed to have learnt from bt601, full range"),
        ("yuv420p", False, 6, Luma("bt601", "full"), "the network has learnt from bt601, full range"),
        ("gray", False, 6, Luma(), None),
        ("gray", True, 6, Luma(), "full range"),
    ],
)
def test_luma_of_another_kind_is_named(name, full, space, luma, said):
    found = OfLuma(layout(name, 2, 2, full=full, space=space), 1, luma).differs()
    assert (found is None) if said is None else (said in (found or ""))
