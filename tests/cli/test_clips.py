"""hwrts enhance on clips: every code that of the integer network on the same planes."""

import json
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hwrts.cli import clip_said, enhance_clip
from hwrts.errors import DataError
from hwrts.fixed_point import load_network, run
from hwrts.video.layout import layout_of

from ..video import slowly
from .test_bad_input import assert_one_clear_line

av = pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")


from ..video.clips import decoded, make_clip, packets  # noqa: E402 - it needs av

RUN = ("--run", "runs/tiny")


def expected(network, planes, pixels, scale, *, full=False, space=1):
    """By the equations in fractions, and the definition of the integers."""
    layout = layout_of("", pixels, *planes[0].shape, full=full, space=space)
    words = (layout.bits, layout.across or 1, layout.down or 1, layout.full, layout.matrix)
    seen = slowly.colours(planes, *words)
    result = run(network, seen).astype(np.uint8)
    return slowly.back(planes, seen, result, *words, scale)


def differing(made, wanted):
    assert len(made) == len(wanted) > 0
    return sum(
        int((np.asarray(one) != np.asarray(other)).sum())
        for frame, other_frame in zip(made, wanted, strict=True)
        for one, other in zip(frame, other_frame, strict=True)
    )


@pytest.mark.parametrize(
    ("pixels", "name", "codec", "size"),
    [
        ("yuv420p", "in.mkv", "ffv1", (23, 15)),
        ("yuv420p", "in.mp4", "libx264", (22, 14)),
        ("yuv444p", "in.mp4", "libx264", (23, 15)),
        ("yuv420p10le", "in.mkv", "ffv1", (23, 15)),
        ("yuv422p10le", "in.mkv", "libx264", (22, 15)),
        ("gray", "in.mkv", "ffv1", (23, 15)),
    ],
)
@pytest.mark.parametrize("scale", [1, 2])
def test_every_code_is_that_of_the_integers(workspace, hwrts, pixels, name, codec, size, scale):
    """Decoded again from what was encoded without loss: 0 differ."""
    planes = make_clip(workspace / name, pixels, size, count=2, codec=codec)
    words = ["--x2"] if scale == 2 else []
    out = "out" + name[2:]
    result = hwrts("enhance", name, "-o", out, *RUN, "--codec", codec, "--lossless", *words, "-q")
    assert (result.code, result.err) == (0, "")
    made, times = decoded(workspace / out)
    stage = "stage2" if scale == 2 else "stage2-same"
    network = load_network(workspace / "runs/tiny" / stage)
    assert differing(made, [expected(network, each, pixels, scale) for each in planes]) == 0
    assert times == decoded(workspace / name)[1]


def test_what_a_clip_says_of_itself_is_kept(workspace, hwrts):
    """Sound, its packets byte for byte; rotation, shape of a pixel, colours, rate, title."""
    tags = (1, 9, 9, 14)
    make_clip("in.mp4", codec="libx264", sound=True, rotation=90, aspect=Fraction(4, 3), tags=tags, count=8)
    result = hwrts("enhance", "in.mp4", "-o", "out.mp4", *RUN, "--json", "-q")
    assert result.code == 0, result.err
    entry = json.loads(result.out)[0]
    assert (entry["frames"], entry["notes"], entry["kind"]) == (8, [], "4:2:0, 8 bits, bt2020, limited range")
    assert packets("in.mp4", "audio") == packets("out.mp4", "audio") != []
    with av.open("in.mp4") as before, av.open("out.mp4") as after:
        one, other = before.streams.video[0], after.streams.video[0]
        for name in ("sample_aspect_ratio", "average_rate"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            assert getattr(one.codec_context, name) == getattr(other.codec_context, name), name
        assert next(before.decode(one)).rotation == next(after.decode(other)).rotation == 90
        assert after.metadata["title"] == "moving"
        assert other.codec_context.name == "h264"


def subtitled(path):
    """A clip with a line of SubRip, and beside it a font."""
    make_clip("video.mkv", count=3)
    (text := path.with_suffix(".srt")).write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with av.open("video.mkv") as video, av.open(str(text)) as words, av.open(str(path), "w") as out:
        streams = [(each, out.add_stream_from_template(each.streams[0])) for each in (video, words)]
        out.add_attachment("font.ttf", "font/ttf", b"none")
        for clip, stream in streams:
            for packet in clip.demux(clip.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)


def test_subtitles_are_copied_and_what_is_left_out_is_said(workspace, hwrts):
    subtitled(workspace / "in.mkv")
    assert len(packets("in.mkv", "subtitle")) == 1
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q")
    assert result.code == 0
    assert "stream 2, attachment, is left out" in result.out
    assert packets("out.mkv", "subtitle") == packets("in.mkv", "subtitle")
    result = hwrts("enhance", "in.mkv", "-o", "out.mp4", *RUN, "-q")
    assert "stream 1, subrip subtitle, is left out: .mp4" in result.out
    assert packets("out.mp4", "subtitle") == []


def piped(folder, *words, given=b"", **more):
    command = [sys.executable, "-m", "hwrts", "enhance", *words, "--run", "runs/tiny"]
    return subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False, **more)


def test_pipes(workspace, hwrts):
    """Y4M in and out, 10 bits, an odd size; and raw planes: the codes of files."""
    size, pixels = (23, 15), "yuv420p10le"
    planes = make_clip("in.mkv", pixels, size, count=3, rate=25)
    assert hwrts("enhance", "in.mkv", "-o", "out.y4m", *RUN, "-q").code == 0
    wanted, _ = decoded("out.y4m")
    again = hwrts("enhance", "in.mkv", "-o", "out.y4m", *RUN, "--force")
    assert "Y4M does not name the matrix: say that it is bt709" in again.out  # of 15 lines it would be bt601
    sees = "clip: 23x15, 4:2:0, 10 bits, bt709, limited range, of which the network sees 8, 25 frames/s"
    assert sees in again.err.splitlines()
    assert re.search(r"^enhancing: 3 in \d+\.\d s \d+\.\d frames/s$", again.err, re.MULTILINE)
    raw = b"".join(plane.tobytes() for frame in planes for plane in frame)
    done = piped(workspace, "-", "-o", "-", "--raw", f"23x15,{pixels},25", "--matrix", "bt709", given=raw)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        b"YUV4MPEG2 W23 H15 F25:1 Ip A0:0 C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED\n"
    )
    (workspace / "piped.y4m").write_bytes(done.stdout)
    assert differing(decoded("piped.y4m")[0], wanted) == 0
    assert b"3 frames of 23x15 4:2:0, 10 bits, bt709, limited range" in done.stderr
    again = piped(workspace, "-", "-o", "again.mkv", "--codec", "ffv1", given=done.stdout)
    assert again.returncode == 0, again.stderr
    twice = hwrts("enhance", "out.y4m", "-o", "twice.mkv", *RUN, "--codec", "ffv1", "-q")
    assert twice.code == 0
    assert differing(decoded("again.mkv")[0], decoded("twice.mkv")[0]) == 0


def test_chapters_stay_and_ffv1_says_that_it_loses_the_shape_of_a_pixel(workspace, hwrts):
    make_clip("in.mp4", codec="libx264", aspect=Fraction(4, 3), count=30, chapters=True)
    with av.open("in.mp4") as clip:
        wanted = [each["metadata"] for each in clip.chapters()]
    for words, note in (((), ""), (("--codec", "ffv1"), "the shape of a pixel, 4/3, is left out")):
        result = hwrts("enhance", "in.mp4", "-o", "out.mkv", *RUN, "-q", "--force", *words)
        assert result.code == 0
        assert note in result.out
        with av.open("out.mkv") as clip:
            assert [each["metadata"] for each in clip.chapters()] == wanted == [{"title": "one"}]


def test_what_y4m_has_no_word_for_is_said(workspace, hwrts):
    make_clip("in.mp4", codec="libx264", rotation=90, sound=True, chapters=True, count=3, tags=(1, 1, 9, 16))
    result = hwrts("enhance", "in.mp4", "-o", "out.y4m", *RUN, "-q", "--json")
    assert json.loads(result.out)[0]["notes"][:3] == [
        # beside the sound, that of the chapters' names
        "left out, for Y4M holds pictures alone: sound, subtitles and the like, streams: 2",
        "Y4M does not name the matrix: say that it is bt709 where it is read",
        "left out, for Y4M has no word for it: primaries, curve, rotation, title, chapters",
    ]


def test_a_varying_rate_keeps_every_time_and_y4m_refuses_it(workspace, hwrts):
    times = [0, 40, 200, 220]
    make_clip("in.mkv", times=times, rate=25)
    assert hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q").code == 0
    assert decoded("out.mkv")[1] == [Fraction(each, 1000) for each in times]
    assert_one_clear_line(hwrts("enhance", "in.mkv", "-o", "out.y4m", *RUN, "-q"), "the frame rate varies")
    assert not (workspace / "out.y4m").exists()


def test_a_missing_frame_is_shown_longer_in_y4m(workspace, hwrts):
    make_clip("in.mkv", times=[0, 40, 120], count=3, rate=25)
    assert hwrts("enhance", "in.mkv", "-o", "out.y4m", *RUN, "-q").code == 0
    frames = decoded("out.y4m")[0]
    assert len(frames) == 4
    assert differing(frames[1:2], frames[2:3]) == 0


@pytest.mark.parametrize(("curve", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_goes_through_as_codes_with_a_note(workspace, hwrts, curve, name):
    make_clip("in.mkv", "yuv420p10le", tags=(1, 9, 9, curve))
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q", "--codec", "ffv1")
    assert f"{name} goes through as code values" in result.out


def test_ctrl_c_leaves_a_clip_that_plays(workspace):
    """A pipe that never ends: what came through it is in the file."""
    make_clip("in.y4m", codec="rawvideo", format="yuv4mpegpipe", count=40, rate=25, size=(96, 64))
    command = [sys.executable, "-m", "hwrts", "enhance", "-", "-o", "out.mkv", *RUN, "--codec", "ffv1"]
    with subprocess.Popen(command, cwd=workspace, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write((workspace / "in.y4m").read_bytes())
        process.stdin.flush()
        deadline = time.monotonic() + 300
        while not any(each.stat().st_size > 40_000 for each in workspace.glob(".out*.tmp")):  # some frames
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        code = process.wait()
    assert code == 130, err
    frames = decoded(workspace / "out.mkv")[0]
    assert 0 < len(frames) <= 40
    assert f"interrupted: out.mkv holds {len(frames)} frames" in err.decode()
    assert not list(workspace.glob(".*.tmp"))


def test_standard_input_is_no_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(DataError, match="standard input: is a terminal"):
        enhance_clip._input(Path("-"))


def test_of_a_pipe_it_is_said_now_and_then_how_far_it_is(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(clip_said, "LINE_SECONDS", -1)
    with clip_said.told(SimpleNamespace(say=said.append), None) as advance:  # type: ignore[arg-type]
        advance(1)
        advance(2)
    assert re.fullmatch(r"enhancing: 2 frames, \d+\.\d frames/s", said[1])
