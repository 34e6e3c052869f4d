import numpy as np
import pytest

from hwrts.export.stimuli import noise_codes, synthetic_pictures
from hwrts.fixed_point import Format


def test_pictures_are_what_their_names_say():
    pictures = synthetic_pictures()
    assert set(pictures) == {
        "all 0",
        "all 255",
        "ramp",
        "impulse",
        "checkerboard",
        "noise",
        "one pixel",
        "one row",
        "one column",
    }
    assert {picture.dtype for picture in pictures.values()} == {np.dtype(np.uint8)}
    assert {picture.shape[2] for picture in pictures.values()} == {3}
    assert not pictures["all 0"].any()
    assert (pictures["all 255"] == 255).all()
    assert np.argwhere(pictures["impulse"].any(axis=2)).tolist() == [[7, 8]]
    assert pictures["checkerboard"][:2, :2, 0].tolist() == [[0, 255], [255, 0]]
    assert (np.abs(np.diff(pictures["checkerboard"].astype(int), axis=1)) == 255).all()
    assert np.ptp(pictures["ramp"]) > 200
    assert len(np.unique(pictures["noise"])) == 256
    shapes = [pictures[name].shape[:2] for name in ("one pixel", "one row", "one column")]
    assert shapes == [(1, 1), (1, 19), (21, 1)]
    assert any(height % 2 and width % 2 for height, width, _ in (p.shape for p in pictures.values()))


def test_pictures_are_the_same_each_time():
    first, second = synthetic_pictures(), synthetic_pictures()
    assert all((first[name] == second[name]).all() for name in first)


@pytest.mark.parametrize(
    "out", [Format(False, 8, 8), Format(True, 8, 8), Format(True, 2, 0), Format(False, 3, 9)]
)
def test_noise_covers_the_whole_format(out):
    codes = noise_codes(7, out)
    assert codes.shape == (17, 19, 7)
    assert codes.dtype == out.dtype
    assert (codes.min(), codes.max()) == (out.min, out.max)
