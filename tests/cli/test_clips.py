"""hwrts enhance on clips: every code that of the integer network on the same planes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file
from hwrts.fixed_point import load_network, run
from hwrts.video.layout import layout_of

from ..video import slowly
from .test_bad_input import assert_one_clear_line

av = pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from ..video.clips import BT709, decoded, make_clip, packets  # noqa: E402 - it needs av

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


def damage(path, number):
    """Flip bits in the middle of a packet of a clip."""
    with av.open(str(path)) as clip:
        packet = [each for each in clip.demux(clip.streams.video[0]) if each.size][number]
        place = packet.pos + packet.size // 2
    content = bytearray(path.read_bytes())
    for i in range(place, place + 8):
        content[i] ^= 0x55
    path.write_bytes(content)


@pytest.mark.parametrize(("apart", "broken"), [(1, [3]), (12, [3, 4, 5])])
def test_a_damaged_frame_is_passed_through_and_said(workspace, hwrts, apart, broken):
    """And those that need it, until a frame that needs none. What is in it, nobody knows."""
    make_clip("in.mkv", count=6, rate=25, options={"slicecrc": "1", "g": str(apart)})
    damage(workspace / "in.mkv", 3)
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--codec", "ffv1", "-q", "--json")
    assert (result.code, json.loads(result.out)[0]["not_enhanced"]) == (1, len(broken))
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    said = "error: in.mkv: the frame at {} s is not enhanced: its data are damaged"
    assert errors == [said.format(f"{number / 25:.3f}") for number in broken]
    assert len(decoded("out.mkv")[0]) == 6


def test_strict_stops_at_it(workspace, hwrts):
    make_clip("in.mkv", count=6, rate=25)
    damage(workspace / "in.mkv", 3)
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--strict", "-q")
    assert_one_clear_line(result, "0.120 s", "damaged", "leave --strict out")
    assert not list(workspace.glob("*out.mkv*"))


def test_a_frame_that_does_not_decode_leaves_a_gap(workspace, hwrts):
    make_clip("in.avi", codec="mjpeg", pixels="yuvj420p", count=5, rate=25)
    with av.open("in.avi") as clip:
        packet = [each for each in clip.demux(clip.streams.video[0]) if each.size][2]
        place, size = packet.pos, packet.size
    content = bytearray((workspace / "in.avi").read_bytes())
    content[place + 8 : place + size - 8] = bytes(size - 16)
    (workspace / "in.avi").write_bytes(content)
    result = hwrts("enhance", "in.avi", "-o", "out.mkv", *RUN, "-q")
    assert result.code == 1, result.err
    assert "error: in.avi: the frame at 0.080 s can't be decoded" in result.err
    assert len(decoded("out.mkv")[0]) == 4


def test_a_file_that_is_cut_off(workspace, hwrts):
    """Matroska: what is there is enhanced, and it is said; MP4, whose index is at its end, is refused."""
    make_clip("in.mkv", count=40, rate=25)
    whole = (workspace / "in.mkv").read_bytes()
    (workspace / "in.mkv").write_bytes(whole[: len(whole) // 3])
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q")
    assert result.code == 1
    assert "in.mkv: is cut off: it ends at 0." in result.err
    assert 0 < len(decoded("out.mkv")[0]) < 40
    assert_one_clear_line(hwrts("enhance", "in.mkv", "-o", "s.mkv", *RUN, "-q", "--strict"), "is cut off")
    make_clip("in.mp4", codec="libx264")
    (workspace / "in.mp4").write_bytes((workspace / "in.mp4").read_bytes()[:1000])
    assert_one_clear_line(hwrts("enhance", "in.mp4", "-o", "out.mp4", *RUN, "-q"), "in.mp4", "can be read")
    assert not list(workspace.glob("*out.mp4*"))


def interlaced():
    with av.open("in.mkv", "w") as out:
        video = out.add_stream("libx264", rate=25, options={"x264-params": "tff=1:interlaced=1"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        out.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(video.encode(None))


def sound_alone():
    with av.open("in.mkv", "w") as out:
        audio = out.add_stream("aac", rate=48_000)
        part = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.int16), format="s16", layout="mono")
        part.rate = 48_000
        out.mux(audio.encode(part))
        out.mux(audio.encode(None))


def text():
    with open("in.mkv", "w") as file:  # noqa: PTH123 - beside the others
        file.write("this is no clip " * 100)


def two_sizes():
    from pathlib import Path

    make_clip("a.y4m", codec="rawvideo", format="yuv4mpegpipe")
    make_clip("one.h264", codec="libx264", format="h264")
    make_clip("two.h264", codec="libx264", format="h264", size=(32, 32))
    Path("in.mkv").write_bytes(Path("one.h264").read_bytes() + Path("two.h264").read_bytes())


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        (interlaced, (), ("is interlaced", "bwdif")),
        (sound_alone, (), ("has no video stream",)),
        (text, (), ("is no clip that can be read",)),
        (lambda: open("in.mkv", "w").close(), (), ("is no clip that can be read",)),  # noqa: PTH123
        (lambda: None, (), ("no such clip",)),
        (lambda: make_clip("in.mkv", "yuva420p"), (), ("has an alpha plane", "-pix_fmt yuv420p")),
        (lambda: make_clip("in.mkv", "bgr0"), (), ("bgr0", "is none of gray")),
        (lambda: make_clip("in.mkv", tags=(1, 8, 1, 1)), (), ("colour matrix is number 8",)),
        (two_sizes, (), ("the picture becomes 32x32", "cut the clip there")),
        (lambda: make_clip("in.mkv", size=(23, 14)), (), ("libx264 has no odd sizes", "--codec ffv1")),
        (lambda: make_clip("in.mkv"), ("--codec", "libx265"), ("libx265 can't begin such a clip, 22x14",)),
        (lambda: make_clip("in.mkv"), ("--codec", "vp9"), ("--codec vp9", "use libx264")),
        (lambda: make_clip("in.mkv"), ("-o", "out.png"), ("out.png: is no name of a clip",)),
        (lambda: make_clip("in.mkv"), ("-o", "runs"), ("runs: is a folder",)),
        (lambda: make_clip("in.mkv"), ("-o", "nowhere/out.mkv"), ("nowhere does not exist",)),
        (lambda: make_clip("in.mkv"), ("-o", "in.mkv"), ("exists already",)),
        (lambda: make_clip("in.mkv"), ("in.mkv",), ("a call takes one clip",)),
        (lambda: make_clip("in.mkv"), ("--matrix", "bt470"), ("--matrix bt470", "bt709")),
        (lambda: make_clip("in.mkv"), ("--preset", "never"), ("--preset never", "veryslow")),
        (lambda: make_clip("in.mkv"), ("--max-megapixels", "1", "--raw", "4x4,rgb24"), ("--raw 4x4,rgb24",)),
        (lambda: make_clip("in.mkv"), ("--json", "-o", "-"), ("--json",)),
    ],
)
def test_refused_in_one_line(workspace, hwrts, make, words, said):
    make()
    if "-o" not in words:
        words = ("-o", "out.mkv", *words)
    before = {each.name for each in workspace.iterdir()}
    assert_one_clear_line(hwrts("enhance", "in.mkv", *words, *RUN, "-q"), *said)
    assert {each.name for each in workspace.iterdir()} == before


def test_flags_of_clips_are_none_of_pictures(workspace, hwrts):
    result = hwrts("enhance", "photos/photo0.png", "-o", "out.png", *RUN, "--crf", "20")
    assert_one_clear_line(result, "--crf: is for clips", "photo0.png")


def test_giants_are_refused(workspace, hwrts):
    make_clip("in.mkv", size=(1024, 1000), count=1)
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--max-megapixels", "1")
    assert_one_clear_line(result, "1024x1000 is 1.0 megapixels", "--max-megapixels")


def test_ctrl_c_leaves_a_clip_that_plays(workspace):
    """A pipe that never ends: what came through it is in the file."""
    make_clip("in.y4m", codec="rawvideo", format="yuv4mpegpipe", count=40, rate=25)
    command = [sys.executable, "-m", "hwrts", "enhance", "-", "-o", "out.mkv", *RUN, "--codec", "ffv1"]
    with subprocess.Popen(command, cwd=workspace, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write((workspace / "in.y4m").read_bytes())
        process.stdin.flush()
        seen = b""
        while b"clip: " not in seen:
            seen += process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        code = process.wait()
    assert code == 130, err
    frames = decoded(workspace / "out.mkv")[0]
    assert 0 < len(frames) <= 40
    assert f"interrupted: out.mkv holds {len(frames)} frames" in err.decode()
    assert not list(workspace.glob(".*.tmp"))


def test_a_full_disk_is_one_line(workspace, hwrts, monkeypatch):
    from hwrts.video import enhance

    class Full:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def write(self, data):
            raise OSError(28, os.strerror(28))

    make_clip("in.mkv", count=8)
    real = atomic_file

    @contextlib.contextmanager
    def full(path):
        with real(path) as file:
            yield Full(file)

    monkeypatch.setattr(enhance, "atomic_file", full)
    assert_one_clear_line(hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q"), "disk full")
    assert not (workspace / "out.mkv").exists()


def test_the_library_refuses_a_suffix_too():
    from pathlib import Path

    from hwrts.video.sink import Encoding, check_encoding

    layout = layout_of("", "yuv420p", 4, 4, full=False, space=BT709[1])
    with pytest.raises(DataError, match=r"out.gif: is no name of a clip"):
        check_encoding(Path("out.gif"), layout, 1, Encoding())
