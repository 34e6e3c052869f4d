"""Flicker of clips through hwrts enhance, and that a still frame that repeats itself stays still."""

import json
import re

import numpy as np
import pytest

from hwrts.metrics import flicker
from hwrts.runs.engines import ENGINES, make_engine
from hwrts.runs.folder import open_run
from hwrts.video.colours import Rgb
from hwrts.video.layout import layout_of

from .test_bad_input import assert_one_clear_line

pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from ..video.clips import codes_of, decoded, make_clip, pattern

RUN = ("--run", "runs/tiny")


def still(pixels, size, number):
    return pattern(pixels, size, 0)


def noisy(pixels, size, number):
    """A still scene of 8 bits whose sensor has noise of up to 2 codes, and a patch that moves."""
    frame = pattern(pixels, size, 0)
    rng = np.random.default_rng(number)
    for plane in frame.planes:
        codes = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        changed = np.clip(codes.astype(int) // 2 + 60 + rng.integers(-2, 3, codes.shape), 0, 255)
        changed[4:8, 4 + number : 8 + number] = 20
        codes[:] = changed
    return frame


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("pixels", "words"), [("yuv420p", ()), ("yuv422p10le", ("--x2",))])
def test_a_still_frame_repeated_gives_identical_frames(workspace, hwrts, engine, pixels, words):
    """Whatever frame came before: nothing of it is kept."""
    make_clip("in.mkv", pixels, (24, 14), count=4, picture=still)
    call = ("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--codec", "ffv1", "--engine", engine, *words)
    result = hwrts(*call, "--flicker", "0", "--json", "-q")
    assert result.code == 0, result.err
    frames, _ = decoded("out.mkv")
    assert len(frames) == 4
    for frame in frames[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(frame, frames[0], strict=True))
    if not words:
        assert any(
            (one != other).any() for one, other in zip(frames[0], decoded("in.mkv")[0][0], strict=True)
        )
    wanted = {"still": 0, "pairs": 3, "still_percent": 100, "mean": 0, "percentile_99": 0, "input_mean": 0}
    assert json.loads(result.out)[0]["flicker"] == wanted


@pytest.mark.parametrize("scale", [1, 2])
def test_the_figures_are_those_of_what_the_network_sees_and_makes(workspace, hwrts, scale):
    planes = make_clip("in.mkv", "yuv420p", (40, 24), count=4, picture=noisy)
    conversion = Rgb(layout_of("", "yuv420p", 24, 40, full=False, space=1), scale)
    seen = [conversion.seen(tuple(each)) for each in planes]
    run = open_run(workspace / "runs/tiny")
    network = make_engine("numpy", run.network(None, x2=scale == 2))
    wanted = flicker(seen, [network.upscale(each) for each in seen])
    assert wanted.mean
    assert wanted.still_percent
    assert 20 < wanted.still_percent < 100
    words = ("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--flicker", "8", *(["--x2"] * (scale == 2)))
    entry = json.loads(hwrts(*words, "--json", "-q").out)[0]
    assert entry["flicker"] == {"still": 8, **wanted.document()}
    said = hwrts(*words, "-q", "--force").out.splitlines()[1]
    assert re.fullmatch(
        rf"  flicker: the correction changes by {wanted.mean:.3f} codes \(99 of 100 by at most "
        rf"{wanted.percentile_99}\), the clip by {wanted.input_mean:.3f}, where that is still, by at most 8: "
        rf"{wanted.still_percent:.1f} % of the picture",
        said,
    )


def test_a_clip_in_which_all_moves(workspace, hwrts):
    make_clip("in.mkv", count=3)
    said = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--flicker", "1", "-q").out
    assert "  flicker: no pixel is still: each, or one beside it, changes by more than 1 codes\n" in said


def test_a_clip_of_one_frame_has_no_pair(workspace, hwrts):
    make_clip("in.mkv", count=1, picture=still)
    said = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--flicker", "8", "-q").out
    assert "  flicker: no pair of frames is there to compare: the network saw one at most\n" in said
    assert "still" not in said


def test_it_is_of_clips(workspace, hwrts):
    refused = hwrts("enhance", "photos/photo0.png", "-o", "out.png", *RUN, "--flicker", "0")
    assert_one_clear_line(refused, "--flicker: is for clips")
    assert_one_clear_line(hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--flicker", "-1"), "--flicker")


def test_frames_that_tests_draw_repeat_themselves():
    one, other = (codes_of(still("yuv420p", (24, 14), number)) for number in (0, 3))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
