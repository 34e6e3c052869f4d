import numpy as np
import pytest

from hwrts.errors import DataError
from hwrts.metrics import artefacts, error_gain
from hwrts.metrics.artefacts import EDGE_RANGE

Y_PER_CODE = (65.481 + 128.553 + 24.966) / 255  # of a grey


def step(low=60, high=160, size=(32, 48)):
    """A vertical edge in the middle of a grey picture."""
    pixels = np.full((*size, 3), low, np.uint8)
    pixels[:, size[1] // 2 :] = high
    return pixels


def noisy(deviation, seed=0, size=(64, 64)):
    noise = np.random.default_rng(seed).normal(0, deviation, size)
    return np.repeat(np.rint(128 + noise).astype(np.uint8)[:, :, None], 3, axis=2)


def test_a_halo_is_measured_in_codes_of_luma():
    original = step()
    picture = original.copy()
    picture[:, 24] += 20  # beside the edge, on its bright side
    picture[:, 22] -= 10  # on its dark side
    # The edge spans columns 23 and 24, its 3x3 neighbourhood 3 pixels either side: columns 20 to 27.
    found = artefacts(picture, original)
    assert found.overshoot == pytest.approx((20 + 10) / 8 * Y_PER_CODE)
    assert found.overshoot_99 == pytest.approx(20 * Y_PER_CODE)


def test_a_steeper_edge_has_no_halo():
    original = step()
    original[:, 23:25] = 85, 85, 85
    original[:, 24] = 135
    assert artefacts(step(), original).overshoot == 0


def test_what_is_far_from_edges_is_no_halo():
    original = step()
    picture = original.copy()
    picture[:, 3] += 30
    assert artefacts(picture, original).overshoot == 0


def test_a_weak_edge_is_none():
    original = step(100, 130)
    assert 30 * Y_PER_CODE < EDGE_RANGE
    assert artefacts(original, original).overshoot is None
    assert artefacts(original, original).overshoot_99 is None


@pytest.mark.parametrize("gain", [1, 2, 3])
def test_noise_gain_is_the_ratio_of_deviations(gain):
    original = noisy(1.4)
    picture = (128 + gain * (original.astype(int) - 128)).astype(np.uint8)
    assert artefacts(picture, original).noise_gain == pytest.approx(gain)


def test_texture_and_constant_areas_are_not_noise():
    constant, texture = np.full((64, 64, 3), 90, np.uint8), noisy(20)
    for original in (constant, texture):
        assert artefacts(original, original).noise_gain is None
    mixed = np.concatenate([constant, texture, noisy(1.4)])
    changed = mixed.copy()
    changed[:128] = 255 - changed[:128]
    assert artefacts(changed, mixed).noise_gain == 1


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (7, 300)])
def test_small_pictures(size):
    original = np.full((*size, 3), 50, np.uint8)
    found = artefacts(original, original)
    assert (found.overshoot, found.noise_gain) == (None, None)


def test_bad_pictures():
    with pytest.raises(DataError, match="pictures to compare are"):
        artefacts(step(), step(size=(30, 48)))


def test_the_gain_of_an_error_is_a_ratio_of_its_rms():
    original = np.full((8, 8, 3), 100, np.uint8)
    damaged, enhanced = original.copy(), original + 3
    damaged[0, 0, 0] += 4
    after = enhanced.copy()
    after[0, 0, 0] += 6
    assert error_gain(after, enhanced, damaged, original) == 1.5
    assert error_gain(enhanced, enhanced, damaged, original) == 0.0
    assert error_gain(enhanced, enhanced, original, original) is None
    with pytest.raises(DataError, match="pictures to compare"):
        error_gain(after[:4], enhanced[:4], damaged, original)
