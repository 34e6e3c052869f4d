import numpy as np
import pytest

from hwrts.errors import ConfigError
from hwrts.metrics import pattern_figures, pattern_pictures
from hwrts.metrics.patterns import FOOT, HEAD, is_grey
from hwrts.runs.requirements import REQUIRED, parse_requirements, unmet

HALO = 3


def _twice(pixels):
    return pixels.repeat(2, 0).repeat(2, 1)


def _framed(pixels):
    out = pixels.copy()
    out[:, -1, 1] = np.maximum(out[:, -1, 1], 7) - 7
    return out


def _off_at_one_level(pixels):
    return np.where(pixels == 255, 253, pixels).astype(np.uint8)


def _checkered(pixels):
    out = _twice(pixels)
    out[::2, ::2] -= out[::2, ::2] > 0
    return out


def _tinted(pixels):
    out = pixels.copy()
    edges = pixels[:, 1:].astype(int) != pixels[:, :-1]
    out[:, 1:, 2] -= (edges[:, :, 2] & (pixels[:, 1:, 2] > 30)).astype(np.uint8) * 9
    return out


def _ringing(pixels):
    wide = pixels.astype(np.int16)
    out = np.where(wide == HEAD, HEAD + 6, np.where(wide == FOOT, FOOT - 11, wide))
    inside = np.ptp(pixels) > 0
    return out.astype(np.uint8) if inside else pixels


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        (lambda pixels: pixels, {}),
        (_twice, {}),
        (_framed, {"border": 7, "grey": 7, "step": 7}),
        (_off_at_one_level, {"flat": 2}),
        (_checkered, {"flat": 1, "step": 1}),
        (_tinted, {"grey": 9}),
        (_ringing, {"step": 11}),
    ],
)
def test_each_fault_has_its_figure(network, wrong):
    found = pattern_figures(network, HALO)
    assert set(found) == set(REQUIRED.values())
    for name, key in REQUIRED.items():
        if name == "border" and network is _checkered:
            continue  # the pattern reaches everywhere
        assert found[key] == wrong.get(name, 0), name


def test_the_patterns_hold_what_they_are_for():
    pictures = pattern_pictures()
    assert [name for name, picture in pictures.items() if not is_grey(picture)] == ["colour bars"]
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in pictures.values())
    assert {tuple(p) for p in pictures["colour bars"].reshape(-1, 3)} == {
        (r, g, b) for top in (255, 191) for r in (0, top) for g in (0, top) for b in (0, top)
    }
    assert np.array_equal(np.unique(pictures["grey ramp"]), np.arange(256))
    assert set(np.unique(pictures["steps 16/235"])) == {FOOT, HEAD}
    assert set(np.unique(pictures["text"])) == {0, 110, 150, 255}
    plate = pictures["zone plate"][:, :, 0].astype(int)
    assert np.array_equal(plate, plate.T)
    assert plate[64, 64] == 255
    slopes = np.sign(np.diff(plate[64]))
    assert list(slopes[65:69]) == [-1] * 4  # coarse in the centre,
    assert np.array_equal(slopes[-6:], np.resize([1, -1], 6) * slopes[-6])  # each pixel turns at a side


@pytest.mark.parametrize(
    "text", ["gray=1", "flat", "flat=", "flat=-1", "flat=x", "flat=1,flat=2", "grey=256", ""]
)
def test_limits_that_are_none_are_refused(text):
    with pytest.raises(ConfigError, match=r"^--require "):
        parse_requirements(text)


def test_what_is_above_its_limit_or_unknown_is_said():
    limits = parse_requirements("flat=0, grey=1,border=1")
    measures = {"flat_codes": 0.0, "grey_codes": 2.0}
    grey, border = unmet(measures, limits)
    assert grey == "grey is 2 codes, and at most 1 is required"
    assert border.startswith("border was not measured")
    assert unmet({"flat_codes": 0.0, "grey_codes": 1.0, "border_codes": 1.0}, limits) == []
