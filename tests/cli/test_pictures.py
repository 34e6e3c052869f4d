"""What every command that reads pictures has in common: broken ones, giants, colours."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import MAX_MEGAPIXELS, Picture, read_image, read_picture, write_picture
from hwrts.data.depth import reduce

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
    none = hwrts(command, "photos", *options)
    assert (none.code, none.out, none.err.count("error: ")) == (2, "", 4)
    assert command == "score" or "z_empty.png failed" in none.err


def test_what_goes_into_enhance_comes_out(workspace, hwrts):
    """16 bits, grey, alpha, EXIF, dpi; what is not kept is said; x2 alike."""
    with Image.open("photos/photo0.png") as photo:
        rgb = np.asarray(photo.convert("RGB"))[:41, :53]
    (workspace / "given").mkdir()
    noise = np.random.default_rng(0).integers(-128, 129, rgb.shape)
    deep = np.clip(rgb.astype(int) * 257 + noise, 0, 65535).astype(np.uint16)
    alpha = np.full(rgb.shape[:2], 40_000, np.uint16)
    exif = {271: "Maker"}
    write_picture(Path("given/rgb.png"), Picture(deep, alpha, exif=exif, dpi=(300.0, 300.0)))
    write_picture(Path("given/grey.tif"), Picture(deep[..., :1]))
    Image.fromarray(rgb).quantize(16).save("given/palette.png")
    write_picture(Path("plain.png"), Picture(rgb))
    assert hwrts("enhance", "plain.png", "-o", "plain_out.png", "--run", "runs/tiny", "-q").code == 0
    result = hwrts("enhance", "given", "-o", "out", "--run", "runs/tiny", "-q")
    assert result.code == 0
    assert "out/rgb.png: 53x41 RGBA 16 bits in " in result.out
    assert "out/grey.png: 53x41 grey 16 bits in " in result.out
    assert re.search(r"out/palette.png: 53x41 RGB 8 bits in .*\n  palette: became RGB", result.out)
    out, y8 = read_picture(Path("out/rgb.png")), read_image(Path("plain_out.png"))
    x8 = reduce(deep)
    assert np.array_equal(x8, rgb)
    wanted = deep.astype(int) + 257 * (y8.astype(int) - x8)
    assert np.array_equal(out.samples, np.clip(wanted, 0, 65535))
    assert out.alpha is not None
    assert np.array_equal(out.alpha, alpha)
    assert (out.exif, out.dpi) == (exif, pytest.approx((300, 300), abs=0.02))
    twice = hwrts("enhance", "given", "-o", "twice", "--run", "runs/tiny", "-q", "--x2", "--json")
    kinds = {Path(each["out"]).name: (each["kind"], each["width"]) for each in json.loads(twice.out)}
    assert kinds == {
        "rgb.png": ("RGBA 16 bits", 106),
        "grey.png": ("grey 16 bits", 106),
        "palette.png": ("RGB 8 bits", 106),
    }
    # a format that holds less: said, and as the network makes it of 8 bits
    less = hwrts("enhance", "given/rgb.png", "-o", "less.webp", "--run", "runs/tiny", "-q")
    assert "  .webp can't hold 16 bits (they became 8)" in less.out
    assert np.array_equal(read_picture(Path("less.webp")).samples, y8)


@pytest.mark.parametrize("command", ["enhance", "score"])
def test_files_that_are_no_pictures_are_counted(workspace, hwrts, command):
    options = ("-o", "out", "--run", "runs/tiny") if command == "enhance" else ("--workers", "1")
    (workspace / "photos/notes.txt").write_text("x")
    (workspace / "photos/.hidden").write_text("x")
    (workspace / "photos/folder.d").mkdir()
    result = hwrts(command, "photos", *options, "-q")
    assert (result.code, result.err) == (0, "photos: 1 file that is no picture by name, skipped\n")
    (workspace / "photos/more.py").write_text("x")
    shutil.rmtree("out", ignore_errors=True)
    assert "photos: 2 files that are no pictures by name, skipped\n" in hwrts(command, "photos", *options).err


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
        read_picture(Path("p3.png")).samples, read_image(Path("plain.png"))
    )  # its own codes
    profiles = {name: read_picture(Path(name)).profile for name in pairs}
    assert profiles == {"plain.png": None, "p3.png": p3, "p3.jpg": p3}
    from_grey = read_picture(Path("from_grey.png"))
    assert (from_grey.profile, from_grey.kind) == (grey_profile(1.8), "grey 8 bits")
    assert_one_clear_line(hwrts("enhance", "tagged.png", "-o", "p3.bmp", *options), "p3.bmp", "ICC profile")
