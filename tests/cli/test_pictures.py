"""What every command that reads pictures has in common: broken ones, giants, colours."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import MAX_MEGAPIXELS, read_image, read_with_profile

from ..data.kinds import P3_PRIMARIES, grey_profile, png, rgb_profile
from .test_bad_input import assert_one_clear_line

OWN = """
from torch import nn
def build():
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
"""
RUN = (
    "--name",
    "t",
    "--stages",
    "1",
    "--first-steps",
    "1",
    "--channels",
    "4",
    "--qat-steps",
    "1",
    "--no-score",
)
READERS = {
    "enhance": ("enhance", "given", "-o", "out", "--run", "runs/tiny"),
    "score": ("score", "given", "--workers", "1"),
    "run": ("run", "--data", "given", *RUN),
    "quantize": ("quantize", "own.py:build", "--data", "given"),
    "reproduce": ("reproduce", "table1", "--data", "given"),
}


@pytest.fixture
def given(workspace):
    (workspace / "own.py").write_text(OWN)
    (workspace / "given").mkdir()
    return workspace / "given"


@pytest.mark.parametrize("command", READERS)
def test_giants_are_refused_before_they_are_unpacked(given, hwrts, command):
    """A PNG of 388 KB and 20,000 x 20,000 cost `score` 5 GiB; this one would be refused as damaged later."""
    (given / "giant.png").write_bytes(png(20_000, 20_000, 8, 2, b""))
    result = hwrts(*READERS[command])
    assert_one_clear_line(result, "giant.png", "400.0 megapixels", "limit of 256", "--max-megapixels")
    Image.new("RGB", (1000, 1010)).save(given / "giant.png")
    result = hwrts(*READERS[command], "--max-megapixels", "1")
    assert_one_clear_line(result, "giant.png", "1000x1010 is 1.0 megapixels", "limit of 1;")
    assert not (given.parent / "out/giant.png").exists()


@pytest.mark.parametrize("command", READERS)
def test_the_limit_is_in_the_help(hwrts, command):
    text = re.sub(r"[│\s]+", " ", hwrts(command, "--help").out)
    assert "--max-megapixels" in text
    assert f"[{MAX_MEGAPIXELS}]" in text


@pytest.mark.parametrize("command", ["enhance", "score"])
def test_a_broken_picture_is_named_at_the_end_and_the_others_are_done(workspace, hwrts, command):
    photos = workspace / "photos"
    (photos / "a_cut.png").write_bytes((photos / "photo0.png").read_bytes()[:2000])
    (photos / "photo0a.png").write_text("no picture")
    (photos / "z_empty.png").touch()
    (photos / "giant.png").write_bytes(png(20_000, 20_000, 8, 2, b""))
    options = ("-o", "out", "--run", "runs/tiny") if command == "enhance" else ("--workers", "1")
    result = hwrts(command, "photos", *options, "--json", "-q")
    assert result.code == 1
    document = json.loads(result.out)
    entries = document if command == "enhance" else document["images"]
    assert len(entries) == 3
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert [re.search(r"photos/(\w+)\.png: ", line)[1] for line in errors] == [
        "a_cut",
        "giant",
        "photo0a",
        "z_empty",
    ]
    if command == "enhance":
        assert sorted(path.name for path in (workspace / "out").iterdir()) == [
            "photo0.png",
            "photo1.png",
            "photo2.png",
        ]
    for path in photos.glob("photo?.png"):
        path.unlink()
    none = hwrts(command, "photos", *options, "-q")
    assert (none.code, none.out, none.err.count("error: ")) == (2, "", 4)


def test_enhance_keeps_the_colours_of_the_profile(workspace, hwrts):
    """They were taken as sRGB's, and written without the profile."""
    p3 = rgb_profile(P3_PRIMARIES)
    with Image.open("photos/photo0.png") as photo:
        photo.save("tagged.png", icc_profile=p3)
        photo.convert("L").save("grey.png", icc_profile=grey_profile(1.8))
    options = ("--run", "runs/tiny", "-q")
    pairs = {"plain.png": "photos/photo0.png", "p3.png": "tagged.png", "p3.jpg": "tagged.png"}
    for target, source in {**pairs, "from_grey.png": "grey.png"}.items():
        assert hwrts("enhance", source, "-o", target, *options).code == 0
    assert np.array_equal(
        read_with_profile(Path("p3.png"))[0], read_image(Path("plain.png"))
    )  # its own codes
    profiles = {name: read_with_profile(Path(name))[1] for name in pairs}
    assert profiles == {"plain.png": None, "p3.png": p3, "p3.jpg": p3}
    assert read_with_profile(Path("from_grey.png"))[1] is None  # sRGB: RGB can't have a profile of grey
    assert_one_clear_line(hwrts("enhance", "tagged.png", "-o", "p3.bmp", *options), "p3.bmp", "ICC profile")
