import math

import numpy as np
import pytest

from hwrts.metrics import image_difference_percent, psnr_db


def flat(*codes: int) -> np.ndarray:
    return np.repeat(np.array(codes, np.uint8).reshape(1, -1, 1), 3, axis=2)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (flat(7, 9), flat(7, 9), math.inf),
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
