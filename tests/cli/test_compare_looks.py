"""hwrts compare of pictures and clips, and of runs on one: what is shown is what hwrts enhance makes."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import read_image, to_codes
from hwrts.data.degrade import upscale
from hwrts.metrics import artefacts, flicker, psnr_db
from hwrts.runs.engines import Deployed

from ..report.test_look import data_of, pixels
from .test_bad_input import assert_one_clear_line

PHOTO = "photos/photo0.png"
NEED = "clips are not tested: av is not installed (hwrts[video])"


def enhanced(hwrts, source, out, *words):
    assert hwrts("enhance", source, "-o", out, "--run", "runs/tiny", "-q", *words).code == 0
    return out


def test_pictures(workspace, hwrts):
    enhanced(hwrts, PHOTO, "made.png")
    result = hwrts("compare", PHOTO, "made.png", "-q")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == "page: compare.html"
    data = data_of(Path("compare.html"))
    assert [each["label"] for each in data["views"]] == ["photo0.png", "made.png"]
    one, other = (read_image(Path(name)) for name in (PHOTO, "made.png"))
    np.testing.assert_array_equal(pixels(data["views"][0]["uris"][0]), one)
    np.testing.assert_array_equal(pixels(data["views"][1]["uris"][0]), other)
    found = json.loads(hwrts("compare", PHOTO, "made.png", "--json", "-q", "-o", "none.html").out)
    assert not Path("none.html").exists()
    side = artefacts(other, one)
    far = np.abs(one.astype(int) - other)
    assert found[1] == {
        "view": "made.png", "psnr_db": psnr_db(other, one), "largest": far.max(),
        "changed_percent": 100 * far.any(2).mean(), "overshoot_99": side.overshoot_99,
        "noise_gain": side.noise_gain,
    }  # fmt: skip
    assert found[0] == {"view": "photo0.png", **dict.fromkeys(list(found[1])[1:])}


@pytest.mark.parametrize("x2", [False, True])
def test_runs_on_a_picture(workspace, hwrts, x2):
    """Beside the original what each run's network makes, and what it costs."""
    shutil.copytree("runs/tiny", "runs/other")
    words = ["--x2"] if x2 else []
    made = read_image(Path(enhanced(hwrts, PHOTO, "made.png", *words)))
    result = hwrts("compare", "runs/tiny", "runs/other", "--on", PHOTO, "-q", *words)
    assert (result.code, result.err) == (0, "")
    data = data_of(Path("compare.html"))
    stage = "stage 2" if x2 else "stage 2-same"
    first = f"{PHOTO}, bicubic \u00d72" if x2 else PHOTO
    assert [each["label"] for each in data["views"]] == [first, f"runs/tiny, {stage}", f"runs/other, {stage}"]
    original = read_image(Path(PHOTO))
    if x2:
        original = to_codes(upscale(original, 2, "bicubic"))
    for each, wanted in zip(data["views"], (original, made, made), strict=True):
        np.testing.assert_array_equal(pixels(each["uris"][0]), wanted)
    found = json.loads(hwrts("compare", "runs/tiny", "--on", PHOTO, "--json", "-q", *words).out)
    cost = json.loads(hwrts("cost", "runs/tiny", "--json", "--stage", stage.split()[1]).out)
    assert found[1]["cost"]["parameters"] == f"{cost['parameters']['all']:,}"
    assert found[1]["psnr_db"] == psnr_db(made, original)


@pytest.mark.parametrize("x2", [False, True])
def test_strengths_on_a_picture(workspace, hwrts, x2):
    """Every run with every one: what enhance --strength makes."""
    shutil.copytree("runs/tiny", "runs/other")
    words = ["--x2"] if x2 else []
    asked = [word for each in ("0", "1.5") for word in ("--strength", each)]
    result = hwrts("compare", "runs/tiny", "runs/other", "--on", PHOTO, "-q", *words, *asked)
    assert (result.code, result.err) == (0, "")
    views = data_of(Path("compare.html"))["views"]
    stage = "stage 2" if x2 else "stage 2-same"
    assert [each["label"] for each in views[1:]] == [
        f"runs/{run}, {stage}, strength {each}" for run in ("tiny", "other") for each in ("0.0", "1.5")
    ]
    for each, strength in zip(views[1:], ("0", "1.5", "0", "1.5"), strict=True):
        made = enhanced(hwrts, PHOTO, f"{strength}.png", *words, "--strength", strength, "--force")
        np.testing.assert_array_equal(pixels(each["uris"][0]), read_image(Path(made)))
    found = json.loads(hwrts("compare", "runs/tiny", "--on", PHOTO, "--json", "-q", *words, *asked).out)
    assert x2 or found[1]["largest"] == 0
    assert found[2]["largest"] > 0


def clip(path, count=5):
    """A still scene with noise."""
    from ..video.clips import make_clip
    from .test_clip_flicker import noisy

    return make_clip(path, "yuv420p", (40, 24), count=count, picture=noisy, rate=25)


@pytest.mark.parametrize("frames", [2, 8])
def test_a_run_on_a_clip(workspace, hwrts, frames):
    """Frames spread over it, and the flicker of each beside the one before it."""
    pytest.importorskip("av", reason=NEED)
    from hwrts.runs.engines import make_engine
    from hwrts.runs.folder import open_run
    from hwrts.video.colours import Rgb
    from hwrts.video.layout import layout_of

    planes = clip("in.mkv")
    seen = [
        Rgb(layout_of("", "yuv420p", 24, 40, full=False, space=1), 1).seen(tuple(each)) for each in planes
    ]
    network = make_engine("numpy", open_run(workspace / "runs/tiny").network(None))
    made = [network.enhance(each) for each in seen]
    result = hwrts("compare", "runs/tiny", "--on", "in.mkv", "--frames", frames, "-q")
    assert (result.code, result.err) == (0, "")
    places = [1, 3] if frames == 2 else [0, 1, 2, 3, 4]
    data = data_of(Path("compare.html"))
    assert data["moments"] == [f"frame {i}, {i / 25:.3f} s" for i in places]
    for each, codes in zip(data["views"], (seen, made), strict=True):
        for uri, place in zip(each["uris"], places, strict=True):
            np.testing.assert_array_equal(pixels(uri), codes[place])
    words = ("compare", "runs/tiny", "--on", "in.mkv", "--frames", frames, "-q", "--json")
    found = json.loads(hwrts(*words).out)[1]["flicker"]
    pairs = [place for place in places if place]
    each = [flicker(seen[i - 1 : i + 1], made[i - 1 : i + 1]) for i in pairs]
    assert found["pairs"] == len(pairs)
    weights = [one.still_percent for one in each]
    mean = sum(one.mean * weight for one, weight in zip(each, weights, strict=True)) / sum(weights)
    assert found["mean"] == pytest.approx(mean, abs=1e-4)  # it is rounded
    assert "Flicker: change of the correction" in Path("compare.html").read_text("utf-8")


def test_clips(workspace, hwrts):
    pytest.importorskip("av", reason=NEED)
    clip("in.mkv", count=3)
    enhanced(hwrts, "in.mkv", "out.mkv", "--codec", "ffv1")
    enhanced(hwrts, "in.mkv", "twice.mkv", "--codec", "ffv1", "--x2")
    assert hwrts("compare", "in.mkv", "out.mkv", "twice.mkv", "-o", "page.html", "-q").code == 0
    data = data_of(Path("page.html"))
    assert (data["width"], data["height"], len(data["moments"])) == (80, 48, 3)
    assert [len(each["uris"]) for each in data["views"]] == [3, 3, 3]
    found = json.loads(hwrts("compare", "in.mkv", "in.mkv", "--json", "-q").out)
    assert (found[1]["psnr_db"], found[1]["largest"], found[1]["flicker"]["mean"]) == (99, 0, 0)
    assert found[1]["flicker"]["input_mean"] > 0


@pytest.mark.parametrize("first", [True, False])
def test_clips_of_other_lengths(workspace, hwrts, first):
    """They are compared as far as the shortest goes, which is said."""
    pytest.importorskip("av", reason=NEED)
    clip("long.mkv", count=5)
    clip("short.mkv", count=3)
    names = ["long.mkv", "short.mkv"]
    result = hwrts("compare", *(names if first else names[::-1]), "-q")
    assert result.code == 1
    said = "long.mkv: has 5 frames, and another has 3; those behind are not compared"
    assert result.err.splitlines() == [f"error: {said}"]
    assert said in Path("compare.html").read_text("utf-8")
    assert len(data_of(Path("compare.html"))["moments"]) == 3


@pytest.mark.parametrize(
    ("times", "live"), [([0, 10, 20, 30, 40, 50], False), ([0, 10, 500, 510, 900, 910], False), (None, True)]
)
def test_frames_are_counted(workspace, hwrts, times, live):
    """What a file says of them is wrong where their rate varies, or nothing."""
    pytest.importorskip("av", reason=NEED)
    from ..video.clips import make_clip
    from .test_clip_flicker import noisy

    options = {"live": "1"} if live else {}
    make_clip(
        "in.mkv", size=(40, 24), count=6, picture=noisy, rate=25, times=times, container_options=options
    )
    result = hwrts("compare", "runs/tiny", "--on", "in.mkv", "-q")
    assert (result.code, result.err) == (0, "")
    wanted = times or [40 * i for i in range(6)]
    assert data_of(Path("compare.html"))["moments"] == [
        f"frame {i}, {time / 1000:.3f} s" for i, time in enumerate(wanted)
    ]


def test_a_damaged_clip_is_said(workspace, hwrts):
    """It is compared as far as it goes."""
    pytest.importorskip("av", reason=NEED)
    clip("in.mkv", count=8)
    content = Path("in.mkv").read_bytes()
    Path("cut.mkv").write_bytes(content[: len(content) * 6 // 10])
    result = hwrts("compare", "in.mkv", "cut.mkv", "-q")
    assert result.code == 1
    count = len(data_of(Path("compare.html"))["moments"])
    assert 1 < count < 8
    assert f"in.mkv: has 8 frames, and another has {count}; those behind are not compared" in result.err


def test_a_larger_first_one(workspace, hwrts):
    """The original may be the large one: what is smaller is shown with its pixels repeated."""
    small = read_image(Path(PHOTO))
    Image.fromarray(small).save("small.png")
    Image.fromarray(small.repeat(2, 0).repeat(2, 1)).save("large.png")
    assert hwrts("compare", "large.png", "small.png", "-q").code == 0
    one, other = data_of(Path("compare.html"))["views"]
    np.testing.assert_array_equal(pixels(one["uris"][0]), pixels(other["uris"][0]))
    assert "small.png is smaller: each pixel of it is 2x2 here" in Path("compare.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((PHOTO,), f"{PHOTO}: is alone; give two pictures or clips or more, or runs and --on"),
        ((PHOTO, "runs/tiny"), "runs/tiny: is a folder; give pictures or clips, or runs and --on FILE"),
        (("runs/tiny", "--on", "photos"), "photos: is a folder; give pictures or clips"),
        (("runs/tiny", "--on", "none.png"), "none.png: no such file"),
        ((PHOTO, "none.png"), "none.png: no such file"),
        (("none.png", "runs/tiny"), "none.png: is not a run folder"),
        (("runs/tiny", "--x2"), "--x2: is for runs on a picture or a clip, --on FILE; give one, or leave it"),
        (("runs/tiny", "--strength", "1"), "--strength: is for runs on a picture or a clip"),
        ((PHOTO, PHOTO, "--strength", "1"), "--strength: is for runs on a picture or a clip"),
        (("runs/tiny", "--on", PHOTO, "--strength", "0.7"), "--strength 0.7: is no multiple of 1/16"),
        (("runs/tiny", "--zoom", "0,0,8,8"), "--zoom: is for runs on a picture or a clip"),
        (("runs/tiny", "--max-megapixels", "3"), "--max-megapixels: is for runs on a picture or a clip"),
        ((PHOTO, PHOTO, "--frames", "3"), f"--frames: is for clips, and {PHOTO} is none; leave it out"),
        (("runs/tiny", "--on", PHOTO, "--frames", "3"), f"--frames: is for clips, and {PHOTO} is none"),
        (("runs/tiny", "--frames", "3"), "--frames: is for runs on a picture or a clip"),
        ((PHOTO, PHOTO, "--x2"), "--x2: is for runs on a picture or a clip"),
        ((PHOTO, PHOTO, "--zoom", "0,0"), "--zoom 0,0: is no piece; give X,Y,W,H"),
        ((PHOTO, PHOTO, "--zoom", "100,0,40,8"), "--zoom 100,0,40,8: is not inside of 120x96"),
        ((PHOTO, "odd.png"), "odd.png: is 50x40, and another is 120x96; give pictures of one size"),
        ((PHOTO, "in.mkv"), f"in.mkv: is a clip, and {PHOTO} is none; compare pictures, or clips"),
        (("in.mkv", PHOTO), f"in.mkv: is a clip, and {PHOTO} is none"),
        (("in.mkv", "bad.mkv"), "bad.mkv: is no clip that can be read"),
        (("runs/tiny", "--on", PHOTO, "--max-megapixels", "0"), "--max-megapixels"),
        (("runs/tiny", "--on", PHOTO, "-o", "no/page.html"), "no/page.html"),
    ],
)
def test_refused_in_one_line(workspace, hwrts, words, said):
    if "mkv" in str(words):
        pytest.importorskip("av", reason=NEED)
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("odd.png")
    Path("bad.mkv").write_bytes(b"no clip")
    if "in.mkv" in words:
        clip("in.mkv", count=1)
    assert_one_clear_line(hwrts("compare", *words, "-q"), said)
    assert not Path("compare.html").exists()


def test_a_run_of_one_size_is_not_up_scaled(workspace, hwrts):
    shutil.rmtree("runs/tiny/stage2")
    assert_one_clear_line(hwrts("compare", "runs/tiny", "--on", PHOTO, "--x2", "-q"), "runs/tiny")


@pytest.mark.parametrize(
    ("scale", "words", "said"),
    [
        (
            Fraction(1, 2),
            (),
            "runs/tiny: its network makes another size; compare pictures that hwrts enhance",
        ),
        (1, ("--x2",), "runs/tiny: its network keeps the size; leave --x2 out; compare pictures"),
    ],
)
def test_networks_of_other_sizes(workspace, hwrts, monkeypatch, scale, words, said):
    """Such as modules of one's own."""
    other = Deployed(lambda pixels: pixels, 1, scale)
    monkeypatch.setattr("hwrts.cli.compare_looks.make_engine", lambda *_, how: other)
    assert_one_clear_line(hwrts("compare", "runs/tiny", "--on", PHOTO, "-q", *words), said)
    refused = Deployed(lambda pixels: pixels, 1, 1, refusal="the network takes 2 inputs")
    monkeypatch.setattr("hwrts.cli.compare_looks.make_engine", lambda *_, how: refused)
    assert_one_clear_line(hwrts("compare", "runs/tiny", "--on", PHOTO, "-q"), "the network takes 2 inputs")


def test_files_of_one_name(workspace, hwrts):
    Path("other").mkdir()
    shutil.copy(PHOTO, "other/photo0.png")
    assert hwrts("compare", PHOTO, "other/photo0.png", "-q").code == 0
    labels = [each["label"] for each in data_of(Path("compare.html"))["views"]]
    assert labels == [PHOTO, "other/photo0.png"]
