"""Flicker of frames: by hand, by a slow version, and where noise and an unsharp mask put it."""

import numpy as np
import pytest

from hwrts.errors import DataError
from hwrts.metrics import flicker
from hwrts.metrics.baselines import usm
from hwrts.metrics.flicker import Flicker, Watch, still_places


def grey(*rows):
    return np.array(rows, np.uint8)[..., None].repeat(3, 2)  # (H, W, 3)


def known(value):
    assert value is not None
    return value


def test_by_hand():
    """Of 8 columns the last moves by 50: it and its neighbour are not still; 6 pixels of 3 channels are."""
    x = [grey([10] * 8), grey([10, 11, 10, 10, 10, 10, 10, 60])]
    y = [grey([12] * 8), grey([12, 15, 11, 12, 12, 12, 99, 99])]
    # d_0 is 2 everywhere; d_1 is 2, 4, 1, 2, 2, 2: by 0, 2, 1, 0, 0, 0
    assert flicker(x, y) == Flicker(1, 75.0, 0.5, 2, 1 / 6)
    assert flicker(x, y, still=0) == Flicker(1, 37.5, 0.0, 0, 0.0)  # columns 3 to 5
    assert flicker(x, y, still=50).still_percent == 100


def test_the_percentile_is_the_smallest_code_that_99_of_100_do_not_exceed():
    x = [np.full((10, 20, 1), 7, np.uint8)] * 2
    made = x[0].copy()
    made[0, 0], made[0, 1] = 27, 17
    assert flicker(x, [x[0], made]).percentile_99 == 0  # 198 of 200
    made[0, 2] = 10
    assert flicker(x, [x[0], made]).percentile_99 == 3
    assert flicker(x, [x[0], made]).mean == 33 / 200


def test_nothing_still_and_a_single_frame():
    x = [grey([0, 0]), grey([200, 200])]
    assert flicker(x, x) == Flicker(1, 0.0, None, None, None)
    assert flicker(x[:1], x[:1]) == Flicker(0, None, None, None, None)


def test_what_moves_with_the_clip_is_no_flicker():
    """A correction that is the same everywhere: what the input does in still places does not count."""
    rng = np.random.default_rng(3)
    x = [100 + rng.integers(0, 8, (9, 11, 3)).astype(np.uint8) for _ in range(4)]
    found = flicker(x, [each + 20 for each in x], still=7)
    assert (found.mean, found.still_percent) == (0, 100)
    assert known(found.input_mean) > 2


def slowly(seen, made, still, reach):
    """Every pixel of every pair, one at a time."""
    changes, moved, places = [], [], 0
    scale = len(made[0]) // len(seen[0])
    height, width, channels = seen[0].shape
    for t in range(1, len(seen)):
        x0, x1, y0, y1 = (each.astype(int) for each in (seen[t - 1], seen[t], made[t - 1], made[t]))
        for row in range(height):
            for column in range(width):
                around = (
                    slice(max(0, row - reach), row + reach + 1),
                    slice(max(0, column - reach), column + reach + 1),
                )
                if np.abs(x1[around] - x0[around]).max() > still:
                    continue
                places += 1
                for c in range(channels):
                    step = x1[row, column, c] - x0[row, column, c]
                    moved.append(abs(step))
                    for i in range(scale):
                        for j in range(scale):
                            at = scale * row + i, scale * column + j, c
                            changes.append(abs(int(y1[at] - y0[at]) - step))
    changes.sort()
    last = changes[-(-99 * len(changes) // 100) - 1]
    pixels = height * width * (len(seen) - 1)
    return Flicker(
        len(seen) - 1, 100 * places / pixels, sum(changes) / len(changes), last, sum(moved) / len(moved)
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize(
    ("reach", "channels", "dtype"), [(0, 3, np.uint8), (1, 1, np.uint16), (2, 3, np.uint8)]
)
def test_against_the_slow_version(scale, reach, channels, dtype):
    rng = np.random.default_rng([scale, reach])
    most = 1023 if dtype == np.uint16 else 255
    base = rng.integers(0, most - 9, (7, 8, channels))
    seen = [(base + rng.integers(0, 5, base.shape)).astype(dtype) for _ in range(3)]
    seen[2][0, 0, 0] = most - base[0, 0, 0]  # something moves
    shape = (7 * scale, 8 * scale, channels)
    made = [rng.integers(0, most + 1, shape).astype(dtype) for _ in range(3)]
    assert flicker(seen, made, 4, reach) == slowly(seen, made, 4, reach)


def test_the_figures_of_a_clip_are_those_of_its_pairs():
    rng = np.random.default_rng(5)
    x = [rng.integers(90, 100, (12, 12, 3)).astype(np.uint8) for _ in range(4)]
    watch = Watch()
    network = watch.watching(lambda codes: usm(codes, 1.0))
    made = [network(each) for each in x]
    assert [each.pairs for each in watch.each] == [1, 1, 1]
    assert watch.figures() == flicker(x, made)
    parts = Watch(), Watch()
    for part, numbers in zip(parts, ((0, 1), (1, 2, 3)), strict=True):
        for i in numbers:
            part.add(x[i], made[i])
    assert Watch.joined(parts) == watch.figures()
    sizes = [known(each.still_percent) for each in watch.each]
    weighed = sum(known(each.mean) * size for each, size in zip(watch.each, sizes, strict=True)) / sum(sizes)
    assert watch.figures().mean == pytest.approx(weighed)  # of floats that are added in another order


def test_it_grows_with_noise_and_with_the_mask():
    """A static scene with sensor noise: more noise and more sharpening both flicker more."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :96]
    scene = (110 + 60 * np.sin(x / 6) * np.cos(y / 9))[..., None].repeat(3, 2)
    found = {}
    for noise in (0.0, 0.5, 1.0, 2.0):
        clip = [
            np.clip(np.rint(scene + rng.normal(0, noise, scene.shape)), 0, 255).astype(np.uint8)
            for _ in range(6)
        ]
        for amount in (0.25, 1.0):
            found[noise, amount] = flicker(clip, [usm(each, amount) for each in clip])
    for amount in (0.25, 1.0):
        means = [known(found[noise, amount].mean) for noise in (0.0, 0.5, 1.0, 2.0)]
        assert means[0] == 0 < means[1] < means[2] < means[3]
    for noise in (0.5, 1.0, 2.0):
        assert known(found[noise, 0.25].mean) < known(found[noise, 1.0].mean)
    # of independent noise the difference of two frames deviates by sqrt(2), its mean is sqrt(2 / pi) of that
    assert found[1.0, 1.0].input_mean == pytest.approx(2 / np.sqrt(np.pi), rel=0.05)


def test_places_are_found_in_unsigned_codes():
    assert still_places(grey([5]), grey([250])).tolist() == [[False]]
    assert still_places(grey([250]), grey([243])).tolist() == [[True]]


def test_refusals():
    with pytest.raises(DataError, match="still is -1 and reach 1; give 0 or more"):
        Watch(-1)
    x = [grey([1, 2])] * 2
    with pytest.raises(DataError, match="a whole number of times as large"):
        flicker(x, [each[:, :1] for each in x])
    with pytest.raises(DataError, match="give frames of one size"):
        flicker([x[0], x[0][:, :1]], [x[0], x[0][:, :1]])
