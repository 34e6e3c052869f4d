"""Noise and compression of LR pictures, drawn from seeds."""

from typing import Any

import numpy as np
import pytest

from hwrts.data import CropPlan, Footage, Photo, build_store, degrade, gather, open_store
from hwrts.data.store import lr_kind
from hwrts.errors import ConfigError
from hwrts.settings_file import parse_config

GREY = np.full((128, 128, 3), 128, np.uint8)


def made(footage, seed=0, pixels=GREY):
    return degrade(pixels, jpeg=None, kernel="box", seed=seed, footage=footage).astype(float)


def test_nothing_of_it_is_the_degradation_of_before():
    photo = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    before = degrade(photo, jpeg=(40, 90), kernel="bilinear", seed=7, blur=0.5)
    again = degrade(photo, jpeg=(40, 90), kernel="bilinear", seed=7, blur=0.5, footage=Footage(times=(3, 3)))
    np.testing.assert_array_equal(before, again)


@pytest.mark.parametrize(("level", "read", "shot"), [(128, 3, 0), (64, 0, 6), (200, 2, 4)])
def test_the_noise_has_the_deviation_that_is_asked_for(level, read, shot):
    noise = made(Footage((read, read), (shot, shot)), pixels=np.full_like(GREY, level)) - level
    wanted = np.sqrt(read**2 + shot**2 * level / 255 + 1 / 12)  # and the rounding's
    assert noise.std() == pytest.approx(wanted, rel=0.05)  # of 12,288 values: deviation 0.6 %
    assert abs(noise.mean()) < 0.1 * wanted


def test_black_has_no_noise_of_light():
    np.testing.assert_array_equal(made(Footage(shot_noise=(9, 9)), pixels=np.zeros_like(GREY)), 0)


def test_a_seed_repeats_and_another_differs():
    footage = Footage((1, 5), (0, 3), (50, 90), (0, 2), "either")
    np.testing.assert_array_equal(made(footage, 3), made(footage, 3))
    assert (made(footage, 3) != made(footage, 4)).any()
    assert (made(footage, (3, 1)) != made(footage, 3)).any()
    deviations = [made(Footage((1, 5)), seed).std() for seed in range(20)]
    assert min(deviations) < 2
    assert max(deviations) > 4


def test_compression_is_of_the_small_picture_and_each_time_anew():
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    plain, once, twice = (made(Footage(jpeg=(30, 90), times=(n, n)), pixels=photo) for n in (0, 1, 2))
    assert (plain != once).any()
    assert (once != twice).any()
    full, half = (made(Footage(jpeg=(60, 60), subsampling=kind), pixels=photo) for kind in ("4:4:4", "4:2:0"))
    spread = lambda x: (x - x.mean(2, keepdims=True)).std()  # noqa: E731
    assert spread(half) < 0.8 * spread(full)  # colour at half size


def test_blur_and_kernel_are_drawn_too():
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    fixed = degrade(photo, jpeg=None, kernel="box", seed=1, blur=0.7)
    again = degrade(photo, jpeg=None, kernel=("box",), seed=1, blur=(0.7, 0.7))
    np.testing.assert_array_equal(fixed, again)
    drawn = [degrade(photo, jpeg=None, kernel=("box", "lanczos"), seed=seed) for seed in range(12)]
    assert len({codes.tobytes() for codes in drawn}) == 2
    spread = [degrade(photo, jpeg=None, kernel="box", seed=seed, blur=(0.0, 2.0)).std() for seed in range(12)]
    assert max(spread) > 1.5 * min(spread)


def test_a_store_has_as_many_versions_and_crops_take_turns(tmp_path):
    settings: dict[str, Any] = {
        "jpeg": None,
        "kernel": "box",
        "strict": True,
        "min_size": 2,
        "progress": None,
        "seed": 5,
    }
    footage = Footage(read_noise=(4, 4))
    photos = [Photo("camera", None)]
    build_store(photos, tmp_path / "s", footage=footage, versions=3, **settings)
    one, _ = build_store(photos, tmp_path / "one", footage=footage, **settings)
    store = open_store(tmp_path / "s")
    assert store.versions == 3
    versions = [store.array(0, lr_kind(n)) for n in range(3)]
    np.testing.assert_array_equal(versions[0], one.array(0, "lr"))
    plan = CropPlan(np.tile(np.array([[0, 8, 8]], np.int32), (5, 1)))
    lr, _ = gather(store, plan, np.arange(5), 16, "hr")
    for k, crop in enumerate(lr):
        np.testing.assert_array_equal(crop, versions[k % 3][8:24, 8:24])
    assert (lr[0] != lr[1]).any()
    (tmp_path / "s" / "lr2" / "00000.npy").unlink()
    with pytest.raises(Exception, match="lacks some of its pictures"):
        open_store(tmp_path / "s")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("read_noise", [3.0, 1.0]),
        ("shot_noise", -1.0),
        ("lr_jpeg", [90, 99]),
        ("lr_jpeg_times", [0, 9]),
        ("blur", [1.0]),
        ("jpeg", [70, 80, 90]),
    ],
)
def test_settings_outside_their_range_are_refused(setting, value):
    with pytest.raises(ConfigError, match=f"degradation.{setting} = .* is not allowed"):
        parse_config({"degradation": {setting: value}}, "test")


NOTHING_DRAWN = {"read_noise": 0.0, "shot_noise": 0.0, "lr_jpeg": "none", "versions": 5}


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 1),
        ({"blur": [0.5, 0.5], "kernel": ["box"], "jpeg": [80, 80]}, 1),
        ({"lr_jpeg": [80, 90], "lr_jpeg_times": 0}, 1),
        ({"lr_jpeg": 80, "lr_jpeg_times": 1, "lr_subsampling": "4:4:4"}, 1),
        ({"lr_jpeg": 80, "lr_jpeg_times": 1}, 5),
        ({"lr_jpeg": 80, "lr_subsampling": "4:4:4"}, 5),
        ({"lr_jpeg": [80, 90], "lr_jpeg_times": 1, "lr_subsampling": "4:4:4"}, 5),
        ({"read_noise": 1.0}, 5),
        ({"shot_noise": [0.0, 1.0]}, 5),
        ({"blur": [0.0, 0.5]}, 5),
        ({"kernel": ["box", "bilinear"]}, 5),
        ({"jpeg": [70, 80]}, 5),
    ],
)
def test_where_nothing_is_drawn_there_are_no_copies(settings, count):
    """And where something is, one original makes different pictures."""
    made = parse_config({"degradation": NOTHING_DRAWN | settings}, "test").degradation
    assert made.lr_versions == count
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    found = {
        degrade(
            photo, jpeg=made.jpeg_range, kernel=made.kernel, blur=made.blur, seed=(3, k), footage=made.footage
        ).tobytes()
        for k in range(12)
    }
    assert (len(found) > 1) == (count > 1)
