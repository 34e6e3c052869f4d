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


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("chroma", WEIGHTS)
def test_every_code_is_that_of_the_equations(name, scale, chroma):
    for number, (height, width) in enumerate(((1, 1), (3, 5), (4, 6))):
        rng = np.random.default_rng(number)
        each = layout(name, height, width)
        planes, conversion = random_planes(each, rng), OfLuma(each, scale, Luma(chroma=chroma))
        seen = conversion.seen(planes)
        assert np.array_equal(seen, slowly.luma_seen(planes[0], each.bits))
        result = rng.integers(0, 256, (height * scale, width * scale, 1)).astype(np.uint8)
        words = (each.bits, each.across or 1, each.down or 1, scale, WEIGHTS[chroma])
        expected = slowly.luma_back(planes, result, *words)
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
