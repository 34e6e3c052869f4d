import doctest
import io
import math
import sys
from functools import cache
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from hwrts.data import (
    Kernel,
    degrade,
    downscale,
    downscale_by_2,
    find_photos,
    load_photo,
    to_codes,
    upscale_by_2,
)
from hwrts.errors import DataError

KERNELS = get_args(Kernel)

# (values, codes): both ends, ties to even, just beside a tie
CODES = [
    ([0.5, 1.5, 2.5, 253.5, 254.5], [0, 2, 2, 254, 254]),
    ([-0.4, -0.5, -7.0, 255.4, 255.5, 1e9], [0, 0, 0, 255, 255, 255]),
    ([0.49999, 0.50001, 1.49999], [0, 1, 1]),
]


def flat(row):
    """A picture with two equal rows and three equal channels."""
    return np.repeat(np.array([row, row])[:, :, None], 3, axis=2)


# Impulse 64 at column 9 of 20, both rows equal. By hand: output x has its centre at 2x+1, pixel 9 at 9.5;
# d apart. box: |d| < 1, weight 1/2. bilinear: (1 - |d|/2) / 2. hamming, lanczos: see the float64 reference.
# bicubic: a = -0.5, s = |d|/2: 1.5s^3 - 2.5s^2 + 1 (s < 1), -0.5s^3 + 2.5s^2 - 4s + 2 (s < 2), over 2.
IMPULSE = {
    "box": [0, 0, 0, 0, 32, 0, 0, 0, 0, 0],
    "bilinear": [0, 0, 0, 0, 24, 8, 0, 0, 0, 0],
    "bicubic": [0, 0, 0, -2.25, 27.75, 7.25, -0.75, 0, 0, 0],
}


def kernel_value(kernel, s):
    """Kernel at s (support of the unscaled kernel), written from its definition."""
    s = abs(s)
    if kernel == "box":
        return 1.0 if s <= 0.5 else 0.0
    if kernel == "bilinear":
        return max(0.0, 1 - s)
    if kernel == "hamming":
        return 0.0 if s >= 1 else np.sinc(s) * (0.54 + 0.46 * math.cos(math.pi * s))
    if kernel == "bicubic":
        if s < 1:
            return (1.5 * s - 2.5) * s * s + 1
        return ((-0.5 * s + 2.5) * s - 4) * s + 2 if s < 2 else 0.0
    return np.sinc(s) * np.sinc(s / 3) if s < 3 else 0.0


@cache
def matrix(n, kernel):
    """(n/2, n) float64 weights of halving n samples."""
    w = np.array(
        [[kernel_value(kernel, (r + 0.5 - (2 * y + 1)) / 2) for r in range(n)] for y in range(n // 2)]
    )
    return w / w.sum(axis=1, keepdims=True)


def reference(pixels, kernel):
    """downscale_by_2 in float64 by matrices: independent and slow."""
    height, width = pixels.shape[:2]
    rows, columns = matrix(height, kernel), matrix(width, kernel)
    return np.stack([rows @ pixels[:, :, c].astype(np.float64) @ columns.T for c in range(3)], axis=2)


@pytest.fixture(scope="module")
def photos():
    """The embedded photographs, cropped to even sizes."""
    split = find_photos(None, val=None, val_fraction=0.1, seed=0, strict=True, min_size=64)
    found = [load_photo(photo) for photo in split.train + split.val]
    return [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in found]


@pytest.mark.parametrize(("values", "codes"), CODES)
def test_to_codes_table(values, codes):
    for dtype in (np.float32, np.float64):
        out = to_codes(np.array(values, dtype))
        assert out.dtype == np.uint8
        assert out.tolist() == codes


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_to_codes_refuses_what_has_no_code(bad):
    with pytest.raises(DataError, match="NaN or infinite"):
        to_codes(np.array([1.0, bad]))


@pytest.mark.parametrize("kernel", IMPULSE)
def test_downscale_impulse_table(kernel):
    row = [0.0] * 20
    row[9] = 64.0
    out = downscale_by_2(flat(row).astype(np.float32), kernel)
    assert out.shape == (1, 10, 3)
    for channel in range(3):
        assert out[0, :, channel].tolist() == IMPULSE[kernel]


def test_downscale_keeps_channels_apart():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 10, 20, 30
    assert downscale_by_2(pixels, "lanczos").tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_downscale_equals_the_float64_reference(kernel):
    seed = 5
    pixels = np.random.default_rng(seed).integers(0, 256, (34, 46, 3), dtype=np.uint8)
    ours, exact = downscale_by_2(pixels, kernel), reference(pixels, kernel)
    assert ours.dtype == np.float32
    # float32 results of two passes: 2 roundings of 2**-24 relative to values up to some 300
    assert np.abs(ours - exact).max() < 1e-4, seed


@pytest.mark.parametrize("kernel", KERNELS)
def test_float_and_uint8_inputs_agree(kernel):
    pixels = np.random.default_rng(6).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    assert np.array_equal(downscale_by_2(pixels, kernel), downscale_by_2(pixels.astype(np.float32), kernel))


def test_lanczos_is_not_clipped():
    edge = flat([0] * 8 + [255] * 8).astype(np.uint8)
    out = downscale_by_2(edge, "lanczos")
    assert out.min() < -1
    assert out.max() > 256


@pytest.mark.parametrize("kernel", KERNELS)
def test_downscale_does_not_depend_on_the_cut(kernel):
    """Bands with 8 more rows or columns give the very same bytes inside: enhancement in bands relies on it.

    Pillow 13 picks the order of its two passes by the shape, and with it the last bit; narrow bands show it.
    """
    pixels = np.random.default_rng(7).uniform(-20, 275, (72, 88, 3)).astype(np.float32)
    whole = downscale_by_2(pixels, kernel)
    compared = 0
    for axis, length in ((0, 72), (1, 88)):
        for start in range(0, length, 10):
            for stop in {start + 2, min(start + 10, length), length}:
                first, last = max(start - 8, 0), min(stop + 8, length)
                band = downscale_by_2(np.take(pixels, range(first, last), axis), kernel)
                inside = np.take(band, range((start - first) // 2, (stop - first) // 2), axis)
                assert inside.tobytes() == np.take(whole, range(start // 2, stop // 2), axis).tobytes()
                compared += inside.size
    assert compared > 10_000


@pytest.mark.parametrize("kernel", KERNELS)
def test_degradation_keeps_the_mean(photos, kernel):
    """Rounding must not brighten: recurrent training would repeat it in every stage."""
    shifts = []
    for pixels in photos:
        exact = np.clip(reference(pixels, kernel), 0, 255)  # overshoot is cut off either way
        shifts.append(to_codes(downscale_by_2(pixels, kernel)).mean(dtype=np.float64) - exact.mean())
    assert abs(np.mean(shifts)) < 0.01, shifts
    if kernel == "box":  # whose exact mean is also that of the original
        originals = [p.mean(dtype=np.float64) for p in photos]
        ours = [to_codes(downscale_by_2(p, "box")).mean(dtype=np.float64) for p in photos]
        assert abs(np.mean(ours) - np.mean(originals)) < 0.01


def test_pillows_own_resize_does_not_keep_the_mean(photos):
    """The control: what the test above guards against fails it by far."""
    for resampling, least in ((Image.Resampling.BOX, 0.3), (Image.Resampling.BILINEAR, 0.05)):
        shifts = []
        for pixels in photos:
            height, width = pixels.shape[:2]
            small = np.asarray(Image.fromarray(pixels).resize((width // 2, height // 2), resampling))
            exact = reference(pixels, resampling.name.lower())
            shifts.append(small.mean(dtype=np.float64) - exact.mean())
        assert np.mean(shifts) > least, shifts


@pytest.mark.parametrize("kernel", KERNELS)
def test_upscale(kernel):
    constant = np.full((3, 5, 3), 77, np.uint8)
    out = upscale_by_2(constant, kernel)
    assert out.shape == (6, 10, 3)
    assert out.dtype == np.float32
    assert np.abs(out - 77).max() < 1e-4  # float32 weights need not sum to exactly one
    assert upscale_by_2(np.array([[[1, 2, 3]]], np.float32), "box").tolist() == [[[1, 2, 3]] * 2] * 2


def test_upscale_is_bicubic_unless_told():
    pixels = np.random.default_rng(8).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    assert np.array_equal(upscale_by_2(pixels), upscale_by_2(pixels, "bicubic"))


def test_upscale_has_half_pixel_centres():
    ramp = flat(np.arange(0, 80, 10)).astype(np.uint8)
    out = upscale_by_2(ramp, "bilinear")[0, :, 0]
    assert out[1:-1].tolist() == [2.5 + 5 * k for k in range(14)]


def test_degrade_without_jpeg_is_downscaling():
    pixels = np.random.default_rng(9).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    out = degrade(pixels, jpeg=None, kernel="bilinear", seed=1)
    assert out.dtype == np.uint8
    assert np.array_equal(out, to_codes(downscale_by_2(pixels, "bilinear")))


def test_degrade_compresses_before_it_halves(photos):
    pixels = photos[0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=30, subsampling="4:2:0")
    compressed = np.asarray(Image.open(file))
    expected = to_codes(downscale_by_2(compressed, "box"))
    assert np.array_equal(degrade(pixels, jpeg=30, kernel="box", seed=1), expected)
    assert np.array_equal(degrade(pixels, jpeg=30, kernel="box", seed=2), expected)  # one quality: no chance


def gaussian(deviation):
    """Taps of a Gaussian cut at four deviations, summing to 1."""
    reach = int(4 * deviation + 0.5)
    taps = [math.exp(-0.5 * (i / deviation) ** 2) for i in range(-reach, reach + 1)]
    return np.array(taps) / sum(taps)


def test_degrade_blurs_before_it_halves():
    pixels = np.zeros((24, 24, 3), np.uint8)
    pixels[9, 13] = 250, 200, 0
    taps = gaussian(0.8)
    spread = np.zeros((24, 24, 3))
    spread[6:13, 10:17] = taps[:, None, None] * taps[None, :, None] * pixels[9, 13].astype(float)
    expected = to_codes(downscale_by_2(spread.astype(np.float32), "box"))
    assert np.array_equal(degrade(pixels, jpeg=None, kernel="box", seed=0, blur=0.8), expected)
    assert not np.array_equal(degrade(pixels, jpeg=None, kernel="box", seed=0), expected)


def test_blur_keeps_the_mean(photos):
    shifts = []
    for pixels in photos:
        lr = degrade(pixels, jpeg=None, kernel="box", seed=0, blur=0.8)
        # Blurring repeats border pixels, which moves the mean; 8 pixels inside it moves only what it should.
        inside = lr[4:-4, 4:-4].mean(dtype=np.float64) - pixels[8:-8, 8:-8].mean(dtype=np.float64)
        shifts.append(inside)
    assert abs(np.mean(shifts)) < 0.02, shifts  # the blur carries light over that line, both ways


def test_degrade_draws_the_quality_by_seed():
    pixels = np.random.default_rng(10).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    by_quality = {degrade(pixels, jpeg=q, kernel="box", seed=0).tobytes(): q for q in (50, 51, 52)}
    assert len(by_quality) == 3
    drawn = [by_quality[degrade(pixels, jpeg=(50, 52), kernel="box", seed=s).tobytes()] for s in range(60)]
    assert set(drawn) == {50, 51, 52}  # both ends included
    again = [by_quality[degrade(pixels, jpeg=(50, 52), kernel="box", seed=s).tobytes()] for s in range(60)]
    assert drawn == again


@pytest.mark.parametrize("jpeg", [0, 96, -1, (0, 50), (50, 96), (60, 50)])
def test_degrade_refuses_a_quality(jpeg):
    with pytest.raises(DataError, match=r"JPEG quality .* 1\.\.95"):
        degrade(np.zeros((2, 2, 3), np.uint8), jpeg=jpeg, kernel="box", seed=0)


def test_degrade_refuses_what_jpeg_cannot_hold():
    with pytest.raises(DataError, match="too large for JPEG"):
        degrade(np.zeros((2, 65_536, 3), np.uint8), jpeg=80, kernel="box", seed=0)


BAD_PICTURES = [
    np.zeros((4, 4), np.uint8),
    np.zeros((4, 4, 4), np.uint8),
    np.zeros((4, 4, 3), np.float64),
    np.zeros((4, 4, 3), np.int32),
    np.zeros((0, 4, 3), np.uint8),
]


@pytest.mark.parametrize("bad", BAD_PICTURES, ids=lambda a: f"{a.dtype}{a.shape}")
def test_bad_pictures(bad):
    for function in (lambda p: downscale_by_2(p, "box"), upscale_by_2):
        with pytest.raises(DataError, match="give uint8 or float32"):
            function(bad)


@pytest.mark.parametrize("shape", [(3, 4, 3), (4, 3, 3), (1, 1, 3)])
def test_odd_sizes_are_refused(shape):
    with pytest.raises(DataError, match=f"{shape[1]}x{shape[0]} can't be divided by 2"):
        downscale_by_2(np.zeros(shape, np.uint8), "box")


def test_degrade_refuses_float():
    with pytest.raises(DataError, match="give uint8"):
        degrade(np.zeros((2, 2, 3), np.float32), jpeg=None, kernel="box", seed=0)


def test_unknown_kernel():
    with pytest.raises(DataError, match="'cubic' is unknown; use one of box, bilinear"):
        downscale_by_2(np.zeros((2, 2, 3), np.uint8), "cubic")  # type: ignore[arg-type]


def test_doctests():
    module = sys.modules[downscale_by_2.__module__]  # as an attribute of the package it is the function
    result = doctest.testmod(module)
    assert result.attempted >= 2
    assert result.failed == 0


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_a_picture_is_made_smaller_by_any_factor(factor):
    """By hand: the mean of F x F pixels with box; a ramp stays a ramp, half a pixel in, with every kernel."""
    pixels = np.random.default_rng(factor).integers(0, 256, (12, 24, 3)).astype(np.uint8)
    means = pixels.reshape(12 // factor, factor, 24 // factor, factor, 3).mean((1, 3))
    np.testing.assert_allclose(downscale(pixels, factor, "box"), means, rtol=1e-6)  # float32
    ramp = np.broadcast_to(np.arange(60, dtype=np.float32)[None, :, None], (60, 60, 3))
    middle = (np.arange(60 // factor) + 0.5) * factor - 0.5
    for kernel in KERNELS:
        inner = slice(3, 60 // factor - 3)
        found = downscale(ramp, factor, kernel)[5, inner, 1]
        np.testing.assert_allclose(found, middle[inner], rtol=1e-5)
