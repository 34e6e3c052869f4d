"""Pictures in colour through networks that see luma alone."""

import numpy as np

from hwrts.data import upscale_by_2
from hwrts.data.depth import luma
from hwrts.data.luma import CHROMA_HALO, in_colour, luma_of_crops
from hwrts.data.tiles import upscale


def twice(codes):
    """Each pixel four times."""
    return codes.repeat(2, axis=0).repeat(2, axis=1)


def bicubic(codes):
    """What a network makes of Y that adds nothing to bicubic up-sampling; codes are (H, W, 1)."""
    return upscale_by_2(np.repeat(codes, 3, axis=2))[..., :1]


def test_luma_of_crops_is_that_of_each(picture):
    crops = np.stack([picture(6, 5), picture(7, 5)[1:]])
    expected = np.stack([luma(crop) for crop in crops])
    np.testing.assert_array_equal(luma_of_crops(crops), expected)
    assert luma_of_crops(np.array([[[[255, 0, 0]]]], np.uint8)).tolist() == [[[[76]]]]


def test_a_grey_picture_is_what_the_network_makes_of_it(picture):
    grey = np.repeat(luma(picture(9, 8)), 3, axis=2)
    np.testing.assert_array_equal(in_colour(twice, 2)(grey), twice(grey))


def test_flat_colours_keep_their_chroma():
    """Y of (200, 100, 40) is 123: a network that adds 10 adds 10 to all three, and 255 is the most."""
    flat = np.full((5, 4, 3), (200, 100, 40), np.uint8)
    assert luma(flat)[0, 0] == 123
    made = in_colour(lambda codes: twice(codes + np.uint8(10)), 2)(flat)
    assert made.dtype == np.uint8
    assert made.shape == (10, 8, 3)
    assert np.unique(made.reshape(-1, 3), axis=0).tolist() == [[210, 110, 50]]
    bright = in_colour(lambda codes: twice(codes + np.uint8(100)), 2)(flat)
    assert np.unique(bright.reshape(-1, 3), axis=0).tolist() == [[255, 200, 140]]


def test_what_adds_nothing_is_bicubic_up_sampling(picture):
    """Within the rounding of Y, half a code in each of the pixels that bicubic's taps see: 1.6 at most."""
    codes = picture(12, 10)
    made = in_colour(bicubic, 2)(codes)
    assert made.dtype == np.float32
    assert np.abs(made - upscale_by_2(codes)).max() < 0.8


def test_tiles_are_one_pass_bit_for_bit(monkeypatch, picture):
    monkeypatch.setattr("hwrts.data.tiles.TILE", 7)
    codes = picture(23, 18)
    network = in_colour(lambda y: np.rint(bicubic(y)).clip(0, 255).astype(np.uint8), 2)
    np.testing.assert_array_equal(upscale(network, codes, CHROMA_HALO), network(codes))
