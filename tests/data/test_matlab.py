"""MATLAB's imresize, against its definition written out in float64."""

import numpy as np
import pytest
from PIL import Image

from hwrts.data import crop, enlarge, read_image, shrink
from hwrts.data.images import has_one_channel
from hwrts.errors import DataError


def keys(s):
    s = np.abs(s)
    near = 1.5 * s**3 - 2.5 * s**2 + 1
    return np.where(s <= 1, near, np.where(s <= 2, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2, 0))


def lanczos3(s):
    return np.where(np.abs(s) < 3, np.sinc(s) * np.sinc(s / 3), 0)


def triangle(s):
    return np.maximum(0, 1 - np.abs(s))


KERNELS = {"bicubic": (keys, 4), "bilinear": (triangle, 2), "lanczos": (lanczos3, 6)}


def imresize_axis(x, scale, kernel):
    """MATLAB's contributions(), along the first axis: 1-based centres, mirrored indices, weights of sum 1."""
    function, width = KERNELS[kernel]
    size = x.shape[0]
    stretch = min(scale, 1)
    at = np.arange(1, round(size * scale) + 1)
    centre = at / scale + 0.5 * (1 - 1 / scale)
    taps = int(np.ceil(width / stretch)) + 2
    index = np.floor(centre - width / stretch / 2)[:, None] + np.arange(taps)
    weights = stretch * function(stretch * (centre[:, None] - index))
    weights /= weights.sum(1, keepdims=True)
    mirror = np.concatenate([np.arange(size), np.arange(size)[::-1]])
    return np.einsum("yt,yt...->y...", weights, x[mirror[(index.astype(int) - 1) % (2 * size)]])


def imresize(x, scale, kernel):
    rows = imresize_axis(x.astype(np.float64), scale, kernel)
    return imresize_axis(rows.swapaxes(0, 1), scale, kernel).swapaxes(0, 1)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_codes_are_those_of_the_definition(picture, kernel, factor):
    pixels = picture(factor * 13, factor * 11)
    for made, exact in (
        (shrink(pixels, factor, kernel), imresize(pixels, 1 / factor, kernel)),
        (enlarge(pixels, factor, kernel), imresize(pixels, factor, kernel)),
    ):
        assert made.shape == exact.shape
        # Half a code, and the last bits of float32 between two passes.
        assert np.abs(made - np.clip(exact, 0, 255)).max() < 0.5 + 1e-4


def test_a_picture_smaller_than_the_kernel_is_mirrored_more_than_once(picture):
    pixels = picture(2, 4)
    for made, exact in (
        (shrink(pixels, 2), imresize(pixels, 0.5, "bicubic")),
        (enlarge(pixels, 2), imresize(pixels, 2, "bicubic")),
    ):
        assert np.abs(made - np.clip(exact, 0, 255)).max() < 0.5 + 1e-4


def test_an_original_is_cropped_at_the_bottom_and_the_right(picture):
    pixels = picture(7, 8)
    assert np.array_equal(crop(pixels, 3), pixels[:6, :6])
    with pytest.raises(DataError, match="8x7"):
        shrink(pixels, 2)


@pytest.mark.parametrize(
    ("mode", "grey"), [("L", True), ("1", True), ("LA", True), ("RGB", False), ("P", False)]
)
def test_one_channel_is_what_the_file_says(tmp_path, mode, grey):
    path = tmp_path / "picture.png"
    Image.new("L", (4, 4), 90).convert("RGB" if mode == "P" else "L").convert(mode).save(path)
    assert read_image(path).shape == (4, 4, 3)
    assert has_one_channel(path) is grey
