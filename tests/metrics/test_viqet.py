"""VIQET against values of the original tool, and each step against a slow version written out."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from hwrts.errors import DataError
from hwrts.metrics.viqet import UNITS, displayed, model_vector, raw_features, score

from .viqet_pictures import PICTURES, box, package_picture, sharpened

GOLDEN = json.loads((Path(__file__).parent / "viqet_golden.json").read_text("utf-8"))["images"]

# Float32 FFTs leave 2e-6 in the acutance of a heavily blurred picture, all else agrees to 1e-11. Warmth: the
# table of black bodies is a fit that differs by 1e-4 in 16 of 391 rows, which moves the mean by up to 2e-4.
RELATIVE = 1e-5
RELATIVE_WARMTH = 1e-3
MOS = 1e-4


def test_golden_names():
    assert set(GOLDEN) == set(PICTURES)
    assert len(GOLDEN) == 25


USUAL = {"astronaut", "china_near4", "china_noise20", "grass", "mosaic_1356x2040"}
USUAL |= {"synth_random", "synth_gradient"}
"""A photograph, one that is enlarged, noise, a grey one, one of more pixels, and what is no photograph."""


@pytest.mark.usually(name=USUAL)
@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name, monkeypatch):
    picture = PICTURES[name]()
    if picture is None:
        pytest.skip("its photograph is in scikit-learn, which is not installed")
    golden = GOLDEN[name]
    if hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() != golden["sha256"]:
        assert name.startswith(("china", "flower", "mosaic_2160", "rocket", "hubble", "retina")), "not a JPEG"
        pytest.skip("this JPEG decoder gives other codes")
    raw = raw_features(picture)
    found = np.log1p(model_vector(raw))
    expected = np.array(golden["ln_1_plus_f"])
    tolerance = np.full(61, RELATIVE)
    tolerance[15] = RELATIVE_WARMTH  # ln(1 + F): an absolute difference here is a relative one of F
    worst = np.argmax(np.abs(found - expected) / tolerance)
    assert (np.abs(found - expected) <= tolerance).all(), (worst + 1, found[worst], expected[worst])
    assert raw.edge_count == round(math.expm1(expected[5]))
    for feature, value in displayed(raw).items():
        relative = RELATIVE_WARMTH if feature == "Color Warmth" else RELATIVE
        assert value == pytest.approx(golden["features"][feature], rel=relative, abs=1e-9), feature
    monkeypatch.setattr("hwrts.metrics.viqet.model.raw_features", lambda pixels: raw)  # once is enough
    result = score(picture)
    assert result.features == displayed(raw)
    assert result.mos_raw == pytest.approx(golden["mos_raw"], abs=MOS)
    assert result.mos_raw_night == pytest.approx(golden["mos_raw_night"], abs=MOS)
    assert result.mos == pytest.approx(golden["mos"], abs=MOS)
    assert result.mos == min(max(result.mos_raw, 1), 4.5)


def test_the_golden_values_that_need_no_other_package_are_compared():
    made = [name for name in GOLDEN if not name.startswith(("china", "flower", "mosaic_2160"))]
    assert len(made) == 12
    assert all(PICTURES[name]() is not None for name in made)


def test_raw_values_tell_apart_what_clipping_makes_equal():
    grass = package_picture("skimage", "data", "grass.png")
    assert grass is not None
    soft, plain, sharp = (score(p) for p in (box(grass, 3), grass, sharpened(grass, 1)))
    assert soft.mos == plain.mos == sharp.mos == 1
    assert soft.mos_raw + 0.4 < plain.mos_raw < sharp.mos_raw - 0.4
    name = "Multi-scale Edge Acutance"
    assert soft.features[name] < plain.features[name] < sharp.features[name]


@pytest.mark.parametrize(
    ("shape", "code"), [((1, 1), 0), ((2, 3), 255), ((1, 11), 128), ((7, 1), 3), ((107, 1900), 255)]
)
def test_flat_pictures_have_finite_scores(shape, code):
    result = score(np.full((*shape, 3), code, np.uint8))
    assert all(map(math.isfinite, (result.mos_raw, result.mos_raw_night, *result.features.values())))
    assert result.mos == 1
    assert result.features["Resolution"] == shape[0] * shape[1] / 1e6
    expected = {"Over Exposed": 100.0 * (code == 255), "Under Exposed": 100.0 * (code == 0)}
    for name in ("Multi-scale Edge Acutance", "Noise Signature Index", "Illumination", "Saturation"):
        expected[name] = 0.0
    assert {name: result.features[name] for name in expected} == expected
    assert result.features["Dynamic Range"] == pytest.approx(0, abs=1e-9)


def test_grey_has_no_saturation_and_json_has_plain_numbers():
    grey = np.repeat(np.random.default_rng(3).integers(0, 256, (40, 60, 1), dtype=np.uint8), 3, axis=2)
    result = score(grey)
    assert result.features["Saturation"] == 0
    document = result.as_json()
    assert list(document) == ["mos_raw", "mos", "mos_raw_night", "features"]
    assert list(document["features"]) == list(UNITS)
    assert {type(value) for value in document["features"].values()} == {float}
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((8, 8, 3), np.float32), "float32"),
        (np.zeros((8, 8), np.uint8), "(8, 8)"),
        (np.zeros((8, 8, 4), np.uint8), "(8, 8, 4)"),
        (np.zeros((0, 8, 3), np.uint8), "(0, 8, 3)"),
        (np.zeros((1, 20, 3), np.uint8), "20x1 is too elongated"),
        (np.zeros((1, 3000, 3), np.uint8), "1920x0"),
        (np.zeros((3000, 1, 3), np.uint8), "0x1200"),
        (np.zeros((12, 1, 3), np.uint8), "1x12 is too elongated"),
    ],
)
def test_refusals(pixels, words):
    with pytest.raises(DataError) as caught:
        score(pixels)
    assert words in str(caught.value)


def test_memory_layout_does_not_matter(picture):
    a = picture(50, 70)
    assert score(np.asfortranarray(a)) == score(a)
    assert score(a[::-1, ::-1][::-1, ::-1]) == score(a)
