"""--split-screen, --side-by-side and --zoom: left the original, right the network's codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.cli.looks import check_still
from hwrts.data import codes_of, read_picture, to_codes
from hwrts.data.degrade import upscale
from hwrts.data.looking import Box, Look
from hwrts.errors import ConfigError
from hwrts.fixed_point import load_network, run

from .test_bad_input import assert_one_clear_line

RUN = ("--run", "runs/tiny")
PHOTO = "photos/photo0.png"


def enhanced(hwrts, source, *words):
    """What the network makes of a picture, and what is written of it with these words; and what is said."""
    for out, more in (("plain.png", ()), ("looked.png", words)):
        x2 = ["--x2"] if "--x2" in words and not more else []
        result = hwrts("enhance", source, "-o", out, *RUN, *x2, *more, "--force", "-q")
        assert result.code == 0, result.err
    return read_picture(Path("plain.png")), read_picture(Path("looked.png")), result.out


def test_a_picture_is_split(workspace, hwrts):
    made, looked, said = enhanced(hwrts, PHOTO, "--split-screen", "0.25")
    original = read_picture(Path(PHOTO))
    height, width = original.samples.shape[:2]
    at = width // 4
    assert looked.samples.shape == (height, width, 3)
    assert (looked.samples[:, :at] == original.samples[:, :at]).all()
    assert (looked.samples[:, at + 2 :] == made.samples[:, at + 2 :]).all()
    assert (looked.samples[:, at] == 0).all()
    assert (looked.samples[:, at + 1] == 255).all()
    assert (made.samples != original.samples).any()
    assert "  left: the original; right: what the network makes\n" in said


def test_an_enlarged_picture_beside_bicubic(workspace, hwrts):
    made, looked, said = enhanced(hwrts, PHOTO, "--side-by-side", "--zoom", "31,20,25,21", "--x2")
    original = to_codes(upscale(codes_of(read_picture(Path(PHOTO))), 2, "bicubic"))
    times = min(96 // 21, 120 // 25)
    pieces = [each[40:82, 62:112].repeat(times, 0).repeat(times, 1) for each in (original, made.samples)]
    assert (looked.samples[:, : 50 * times] == pieces[0]).all()
    assert (looked.samples[:, 50 * times + 2 :] == pieces[1]).all()
    assert "left: the original, enlarged by bicubic interpolation; right: what the network makes" in said
    assert "--zoom 31,20,25,21: every pixel of the network's x2 is 4x4" in said


@pytest.mark.parametrize("words", [("--split-screen", "0.5"), ("--split-screen", "0.5", "--x2")])
def test_16_bits_and_alpha(workspace, hwrts, words):
    """Halves at full depth; the line hides nothing of what is seen through."""
    rng = np.random.default_rng(2)
    from hwrts.data import write_picture
    from hwrts.data.picture import Picture

    deep = rng.integers(0, 65536, (18, 20, 3)).astype(np.uint16)
    write_picture(workspace / "deep.png", Picture(deep, rng.integers(1, 65536, (18, 20)).astype(np.uint16)))
    made, looked, _ = enhanced(hwrts, "deep.png", *words)
    scale = 2 if "--x2" in words else 1
    assert looked.samples.dtype == np.uint16
    assert (looked.samples[:, 10 * scale + 2 :] == made.samples[:, 10 * scale + 2 :]).all()
    assert (looked.samples[:, 10 * scale + 1] == 65535).all()
    assert looked.alpha is not None
    assert made.alpha is not None
    line = slice(10 * scale, 10 * scale + 2)
    assert (looked.alpha[:, line] == 65535).all()
    if scale == 1:
        assert (looked.samples[:, :10] == deep[:, :10]).all()
    rest = [*range(10 * scale), *range(10 * scale + 2, 20 * scale)]
    assert (looked.alpha[:, rest] == made.alpha[:, rest]).all()


def test_a_grey_picture(workspace, hwrts):
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save("grey.png")
    made, looked, _ = enhanced(hwrts, "grey.png", "--side-by-side")
    assert looked.samples.shape == (20, 42, 1)
    assert (looked.samples[:, :20] == read_picture(Path("grey.png")).samples).all()
    assert (looked.samples[:, 22:] == made.samples).all()


@pytest.mark.parametrize(
    ("pixels", "size", "scale"),
    [
        ("yuv420p", (24, 14), 1),
        ("yuv420p", (23, 15), 2),
        ("yuv422p10le", (23, 15), 1),
        ("yuv444p", (23, 15), 1),
        ("gray", (23, 15), 1),
    ],
)
@pytest.mark.parametrize("words", [("--split-screen", "0.4"), ("--side-by-side",)])
def test_a_clip_in_its_own_format(workspace, hwrts, pixels, size, scale, words):
    """Decoded again: left what was there, right the integers of the network, both code for code."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from hwrts.video.colours import Rgb
    from hwrts.video.layout import layout_of

    from ..video.clips import decoded, make_clip
    from .test_clips import expected

    planes = make_clip(workspace / "in.mkv", pixels, size, count=2)
    more = ["--x2"] if scale == 2 else []
    result = hwrts(
        "enhance", "in.mkv", "-o", "out.mkv", *RUN, "--codec", "ffv1", *words, *more, "-q", "--json"
    )
    assert (result.code, result.err) == (0, "")
    layout = layout_of("", pixels, size[1], size[0], full=False, space=1)
    network = load_network(workspace / "runs/tiny" / ("stage2" if scale == 2 else "stage2-same"))
    made, _ = decoded("out.mkv")
    assert len(made) == 2
    width = size[0] * scale
    split = "--split-screen" in words
    at = int(0.4 * width) // (layout.across or 1) * (layout.across or 1) if split else width
    begin = at + 2 if split else width + 2 + (width % 2 if layout.across == 2 else 0)
    entry = json.loads(result.out)[0]
    assert (entry["width"], entry["height"]) == (width if split else begin + width, size[1] * scale)
    for frame, before in zip(made, planes, strict=True):
        left = Rgb(layout, scale).kept(tuple(before))
        right = expected(network, before, pixels, scale)
        for index, plane in enumerate(frame):
            across = (layout.across or 1) if index else 1
            original, result_plane = np.asarray(left[index]), np.asarray(right[index])
            edge = -(-at // across)
            assert (plane[:, :edge] == original[:, :edge]).all()
            rest = result_plane[:, -(-begin // across) :] if split else result_plane
            assert rest.size
            assert (plane[:, plane.shape[1] - rest.shape[1] :] == rest).all()


def test_a_line_that_sweeps_goes_by_the_clips_time(workspace, hwrts):
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..video.clips import decoded, make_clip

    make_clip("in.mkv", size=(80, 14), count=3, times=[0, 1000, 4000], rate=1)
    words = ("--codec", "ffv1", "--split-screen", "sweep", "-q")
    assert hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, *words).code == 0
    frames, _ = decoded("out.mkv")
    lines = [np.flatnonzero((frame[0] == 16).all(0)).tolist() for frame in frames]
    assert lines == [[0], [20], []]  # at 4 s it is at the right end


def test_a_piece_of_a_clip_keeps_its_codes(workspace, hwrts):
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..video.clips import decoded, make_clip
    from .test_clips import expected

    planes = make_clip("in.mkv", "yuv420p", (24, 14), count=1)
    words = ("--codec", "ffv1", "--zoom", "4,2,8,4", "-q")
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, *words)
    assert "  --zoom 4,2,8,4: every pixel is 3x3\n" in result.out
    network = load_network(workspace / "runs/tiny/stage2-same")
    wanted = expected(network, planes[0], "yuv420p", 1)
    (frame,), _ = decoded("out.mkv")
    pieces = [np.asarray(wanted[0])[2:6, 4:12], *(np.asarray(each)[1:3, 2:6] for each in wanted[1:])]
    for plane, piece in zip(frame, pieces, strict=True):
        assert (plane == piece.repeat(3, 0).repeat(3, 1)).all()


def test_the_size_is_that_of_what_is_written(workspace, hwrts):
    """An odd size of 4:2:0 is refused by the codec's own rule, and a size that is made even is none."""
    pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")
    from ..video.clips import make_clip

    make_clip("in.mkv", "yuv420p", (23, 14), count=1)
    assert_one_clear_line(hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--side-by-side"), "no odd sizes")
    assert hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--zoom", "0,0,8,8", "-q").code == 0
    refused = hwrts("enhance", "in.mkv", "-o", "no.mkv", *RUN, "--zoom", "3,0,8,8")
    assert_one_clear_line(refused, "--zoom 3,0,8,8: cuts colours of in.mkv", "give 2,0,10,8")
    assert not (workspace / "no.mkv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--split-screen", "left"), "--split-screen left: is no place of a line; give 0 (left) to 1"),
        (("--split-screen", "1.5"), "--split-screen 1.5: is no place"),
        (("--split-screen", "nan"), "--split-screen nan: is no place"),
        (("--split-screen", "sweep"), "a picture stands still; give a place, such as 0.5"),
        (("--split-screen", "0.5", "--side-by-side"), "are two looks; leave one of them out"),
        (("--zoom", "1,2,3"), "--zoom 1,2,3: is no piece; give X,Y,W,H"),
        (("--zoom", "0,0,0,4"), "--zoom 0,0,0,4: is no piece"),
        (("--zoom", "100,0,40,40"), f"--zoom 100,0,40,40: is not inside of {PHOTO}, 120x96"),
    ],
)
def test_refused_in_one_line(workspace, hwrts, words, said):
    assert_one_clear_line(hwrts("enhance", PHOTO, "-o", "no.png", *RUN, *words), said)
    assert not (workspace / "no.png").exists()


def test_a_network_of_other_sizes_has_no_halves():
    check_still(Look(), None)
    for look in (Look(split=0.5), Look(zoom=Box(0, 0, 2, 2))):
        with pytest.raises(ConfigError, match="makes pictures of another size; leave them out"):
            check_still(look, None)


def test_what_the_network_sees_is_the_whole_picture(workspace, hwrts):
    """A piece is cut out of the result: its border is no border of the network's."""
    made, looked, _ = enhanced(hwrts, PHOTO, "--zoom", "40,30,60,48")
    network = load_network(workspace / "runs/tiny/stage2-same")
    whole = run(network, read_picture(Path(PHOTO)).samples).astype(np.uint8)
    assert (looked.samples == whole[30:78, 40:100].repeat(2, 0).repeat(2, 1)).all()
    assert (made.samples == whole).all()
