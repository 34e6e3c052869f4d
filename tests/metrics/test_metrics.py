import math
import subprocess
import sys

import numpy as np
import pytest

from hwrts.data import downscale_by_2, upscale_by_2
from hwrts.errors import DataError
from hwrts.metrics import contraction, image_difference_percent, luma_y, psnr_db, spread, ssim


def flat(*codes: int) -> np.ndarray:
    return np.repeat(np.array(codes, np.uint8).reshape(1, -1, 1), 3, axis=2)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (flat(7, 9), flat(7, 9), 99.0),
        (flat(0, 0), flat(255, 255), 0.0),  # the largest possible error
        (flat(0, 0), flat(1, 1), 48.1308),  # 20 log10(255)
        (flat(10, 10), flat(10, 11), 51.1411),  # half the pixels: 10 log10(2) more
        (flat(255), flat(0), 0.0),  # no wrap of uint8
        (flat(0), flat(255), 0.0),
    ],
)
def test_psnr(a, b, expected):
    assert psnr_db(a, b) == pytest.approx(expected, abs=1e-4)  # literals of four digits


@pytest.mark.parametrize(
    ("picture", "original", "of_full_scale", "of_brightness"),
    [
        (flat(100), flat(100), 0.0, 0.0),
        (flat(105), flat(100), 100 * 5 / 255, 5.0),
        (flat(95), flat(100), 100 * 5 / 255, 5.0),  # absolute: below counts as above
        (flat(90, 110), flat(100, 100), 100 * 10 / 255, 10.0),  # and they do not cancel
        (flat(0), flat(255), 100.0, 100.0),
        (flat(255), flat(1), 100 * 254 / 255, 25400.0),
        (flat(1), flat(0), 100 / 255, 25500.0),  # a black original does not divide by 0
    ],
)
def test_image_difference(picture, original, of_full_scale, of_brightness):
    found = image_difference_percent(picture, original)
    assert found == pytest.approx((of_full_scale, of_brightness), rel=1e-12)  # one float64 division


def test_order_of_table_1_depends_on_one_normalisation_only():
    rng = np.random.default_rng(0)
    original = rng.integers(40, 200, (16, 16, 3), dtype=np.uint8)
    of_full_scale, of_brightness = image_difference_percent(original + np.uint8(3), original)
    assert of_full_scale == pytest.approx(300 / 255)
    assert of_brightness == pytest.approx(300 / original.mean())


def test_the_border_does_not_count_when_it_is_shaved(picture):
    a = picture(20, 24)
    b = a.copy()
    b[:2], b[-2:], b[:, :2], b[:, -2:] = 0, 0, 255, 255
    assert psnr_db(a, b) < psnr_db(a, b, shave=1) < 99
    assert psnr_db(a, b, shave=2) == psnr_db(a, b, shave=2, luma=True) == 99
    assert ssim(a, b) < 1
    assert ssim(a, b, shave=2) == ssim(a, b, shave=2, luma=True) == 1
    b[2, 2] ^= 1  # the first pixel inside
    assert psnr_db(a, b, shave=2) == pytest.approx(20 * math.log10(255) + 10 * math.log10(16 * 20))
    assert psnr_db(a, b, shave=3) == 99


def test_luma_of_known_colours():
    codes = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 100, 100]]], np.uint8)
    expected = [16 + 65.481, 16 + 128.553, 16 + 24.966, 16 + 219 * 100 / 255]
    np.testing.assert_allclose(luma_y(codes)[0], expected, rtol=1e-14)
    grey = flat(0, 7, 254, 255)
    np.testing.assert_allclose(luma_y(grey, full_range=True), grey[..., 0], rtol=1e-14)
    # one code of all channels is 219/255 of a code of Y
    one, two = flat(7, 8), flat(8, 9)
    assert psnr_db(one, two, luma=True) == pytest.approx(psnr_db(one, two) + 20 * math.log10(255 / 219))
    assert psnr_db(one, two, luma=True, full_range=True) == pytest.approx(psnr_db(one, two))


def test_ssim_against_its_formula(picture):
    a, b = picture(11, 11), picture(11, 11, seed=1)  # one window
    x = np.arange(11) - 5
    window = np.exp(-(x**2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2

    def formula(p, q):
        mean = [(window * v).sum() for v in (p, q)]
        var = [(window * (v - m) ** 2).sum() for v, m in zip((p, q), mean, strict=True)]
        cov = (window * (p - mean[0]) * (q - mean[1])).sum()
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        return (
            (2 * mean[0] * mean[1] + c1)
            * (2 * cov + c2)
            / ((mean[0] ** 2 + mean[1] ** 2 + c1) * (sum(var) + c2))
        )

    assert ssim(a, b, luma=True) == pytest.approx(formula(luma_y(a), luma_y(b)), rel=1e-9)
    full = [luma_y(each, full_range=True) for each in (a, b)]
    assert ssim(a, b, luma=True, full_range=True) == pytest.approx(formula(*full), rel=1e-9)
    channels = [formula(a[:, :, c].astype(float), b[:, :, c].astype(float)) for c in range(3)]
    assert ssim(a, b) == pytest.approx(np.mean(channels), rel=1e-9)


def test_what_cannot_be_compared(picture):
    a = picture(12, 14)
    for measure in (psnr_db, ssim, image_difference_percent, contraction):
        for other in (a[:1], a[:, :, :1], a.astype(np.float32), a[0]):
            with pytest.raises(DataError, match="to compare are"):
                measure(a, other)
    for shave in (6, -1):
        with pytest.raises(DataError, match="14x12"):
            psnr_db(a, a, shave=shave)
    with pytest.raises(DataError, match="at least 11x11"):
        ssim(a, a, shave=1)
    assert ssim(a, a) == 1


def detailed(height=40, width=60):
    return np.random.default_rng(9).integers(90, 165, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("a", [0.0, 0.25, 0.779, 1.2])
def test_contraction_of_known_pictures(a):
    original = detailed()
    lost = original - upscale_by_2(downscale_by_2(original, "lanczos"), "bicubic")
    added = np.rint(a * lost)
    assert abs(added).max() <= 90  # nothing clips
    enhanced = (original + added).astype(np.uint8)
    # exact but for the rounding of each of 7,200 values to a code
    assert contraction(enhanced, original) == pytest.approx(a, abs=2e-3)


def test_contraction_ignores_what_is_not_lost_detail():
    original = detailed()
    lost = original - upscale_by_2(downscale_by_2(original, "lanczos"), "bicubic")
    other = np.random.default_rng(1).standard_normal(lost.shape)
    other -= lost * (other * lost).sum() / (lost * lost).sum()  # orthogonal
    enhanced = np.rint(original + 0.5 * lost + 5 * other).astype(np.uint8)
    assert contraction(enhanced, original) == pytest.approx(0.5, abs=5e-3)
    assert contraction(original + np.uint8(9), original) == pytest.approx(0, abs=5e-3)  # brightness


def test_contraction_of_stages_is_the_sum_of_powers():
    original = detailed()
    lost = original - upscale_by_2(downscale_by_2(original, "lanczos"), "bicubic")
    third = np.rint(original + (0.4 + 0.4**2 + 0.4**3) * lost).astype(np.uint8)
    assert contraction(third, original) == pytest.approx(0.624, abs=2e-3)


def test_contraction_refuses_pictures_without_detail():
    grey = np.full((8, 8, 3), 90, np.uint8)
    with pytest.raises(DataError, match="no detail"):
        contraction(grey, grey)
    with pytest.raises(DataError, match="can't be divided by 2"):
        contraction(detailed(9, 8), detailed(9, 8))


def test_spread():
    found = spread(iter([0.7, 0.8, 0.9]))
    assert (found.mean, found.count) == (pytest.approx(0.8), 3)
    assert found.deviation == pytest.approx(math.sqrt(0.02 / 3))
    assert str(spread([0.5])) == "0.500 +- 0.000"
    for wrong in ([], [0.5, math.nan], [math.inf]):
        with pytest.raises(DataError, match="finite"):
            spread(wrong)


def test_psnr_alone_does_not_wait_for_scikit_image_or_scipy():
    code = "import sys; import hwrts.metrics; sys.exit(str({'skimage', 'scipy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"
