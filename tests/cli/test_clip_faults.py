"""Clips that are damaged, of another kind, or asked for in vain: one clear line."""

import contextlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hwrts.cli import clip_said, enhance_clip
from hwrts.cli.console import ConsoleProgress
from hwrts.data.looking import PLAIN
from hwrts.errors import DataError
from hwrts.files.atomic import atomic_file

from .test_bad_input import assert_one_clear_line

av = pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from hwrts.video.source import Clip  # noqa: E402 - it needs av

from ..video.clips import decoded, make_clip, pattern  # noqa: E402 - it needs av
from .test_clips import piped  # noqa: E402 - it needs av

RUN = ("--run", "runs/tiny")


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


def ten_bits(count, places, code=1024, order="<"):
    """A clip of 10 bits in Y4M with a code beyond them in some frames; the planes that were written."""
    rng, frames = np.random.default_rng(0), []
    for number in range(count):
        frames.append([rng.integers(0, 1024, shape, np.uint16) for shape in ((14, 22), (7, 11), (7, 11))])
        frames[-1][number % 3][-1, -1] = code if number in places else 0
    words = [b"FRAME\n" + b"".join(each.astype(f"{order}u2").tobytes() for each in one) for one in frames]
    Path("in.y4m").write_bytes(b"YUV4MPEG2 W22 H14 F25:1 Ip C420p10\n" + b"".join(words))
    return frames


@pytest.mark.parametrize("how", [(), ("--overshoot", "8")])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy", "native"])
@pytest.mark.parametrize("code", [1024, 20_000, 65_535])
def test_a_frame_with_codes_that_its_format_has_not_is_broken(workspace, hwrts, engine, how, code):
    """10 bits stand in words of 16: no engine sees more, and the frame goes by with the largest there is."""
    planes = ten_bits(4, [2], code)
    words = ("enhance", "in.y4m", *RUN, "--engine", engine, *how, "-q")
    result = hwrts(*words, "-o", "out.mkv", "--codec", "ffv1")
    assert result.code == 1, result.err
    said = f"the frame at 0.080 s is not enhanced: it holds code {code}, and yuv420p10le has 0..1023"
    assert result.err == f"error: in.y4m: {said}\n"
    made = decoded("out.mkv")[0]
    assert len(made) == 4
    for plane, wanted in zip(made[2], planes[2], strict=True):
        np.testing.assert_array_equal(plane, np.minimum(wanted, 1023))
    strict = hwrts(*words, "-o", "strict.mkv", "--strict")
    assert_one_clear_line(strict, said, "leave --strict out")
    assert not (workspace / "strict.mkv").exists()


@pytest.mark.parametrize("words", [(), ("--raw", "22x14,yuv420p10le,25")])
def test_a_clip_whose_first_frame_has_such_codes_is_refused(workspace, hwrts, words):
    """Bytes in another order are in all frames: nobody waits for the last to hear of it."""
    ten_bits(3, [], order=">")
    if words:
        content = (workspace / "in.y4m").read_bytes()
        (workspace / "in.y4m").write_bytes(b"".join(content.split(b"FRAME\n")[1:]))
    result = hwrts("enhance", "in.y4m", *words, "-o", "out.mkv", *RUN, "-q")
    assert_one_clear_line(result, "its first frame holds code", "yuv420p10le has 0..1023", "in another order")
    assert not list(workspace.glob("*out.mkv*"))


def test_flv_says_its_length_too(workspace, hwrts):
    make_clip("in.flv", codec="libx264", count=60, rate=25)
    words = ("enhance", "in.flv", *RUN, "-q")
    assert hwrts(*words, "-o", "whole.mkv").code == 0
    whole = (workspace / "in.flv").read_bytes()
    (workspace / "in.flv").write_bytes(whole[: len(whole) // 3])
    result = hwrts(*words, "-o", "out.mkv")
    assert result.code == 1
    assert "in.flv: is cut off: it ends at" in result.err
    assert result.err.rstrip().endswith("and says 2.40 s")


@pytest.mark.parametrize("left", [3, 150])
def test_y4m_that_is_cut_within_a_frame_is_said(workspace, hwrts, left):
    """It does not say how many frames there should be; but what is left behind the last is none."""
    planes = make_clip("in.y4m", codec="rawvideo", format="yuv4mpegpipe", count=5, rate=25)
    whole = (workspace / "in.y4m").read_bytes()
    one = sum(plane.nbytes for plane in planes[0]) + len(b"FRAME\n")
    words = ("enhance", "in.y4m", *RUN, "-q")
    assert hwrts(*words, "-o", "whole.mkv").code == 0
    (workspace / "in.y4m").write_bytes(whole[: len(whole) - 2 * one + left])
    result = hwrts(*words, "-o", "out.mkv", "--codec", "ffv1")
    said = f"in.y4m: is cut off: behind its frame that ends at 0.12 s are {left} bytes, which are no frame"
    assert (result.code, result.err) == (1, f"error: {said}\n")
    assert "out.mkv: 3 frames" in result.out
    assert len(decoded("out.mkv")[0]) == 3
    assert_one_clear_line(hwrts(*words, "-o", "strict.mkv", "--strict"), said, "leave --strict out")
    (workspace / "in.y4m").write_bytes(whole[: len(whole) - 5 * one + one // 2])  # within the first
    assert_one_clear_line(hwrts(*words, "-o", "none.mkv"), "in.y4m")
    assert not [*workspace.glob("*none.mkv*"), *workspace.glob("*strict.mkv*")]


@pytest.mark.parametrize("kind", ["raw", "y4m"])
def test_a_pipe_that_is_cut_within_a_frame(workspace, kind):
    """Of raw planes it is known; Y4M in a pipe ends in front of that frame, and nobody can say it."""
    planes = make_clip("in.y4m", codec="rawvideo", format="yuv4mpegpipe", count=3, rate=25)
    raw = b"".join(plane.tobytes() for frame in planes for plane in frame)
    given = raw if kind == "raw" else (workspace / "in.y4m").read_bytes()
    words = ("--raw", "22x14,yuv420p,25") if kind == "raw" else ()
    done = piped(workspace, "-", "-o", "out.mkv", *words, "-q", given=given[:-100])
    strict = piped(workspace, "-", "-o", "strict.mkv", "--strict", *words, "-q", given=given[:-100])
    assert len(decoded("out.mkv")[0]) == 2
    if kind == "y4m":
        assert (done.returncode, done.stderr, strict.returncode) == (0, b"", 0)
        return
    said = b"error: standard input: the frame at 0.080 s can't be decoded"
    assert (done.returncode, strict.returncode) == (1, 2)
    assert done.stderr.startswith(said)
    assert strict.stderr.startswith(said)
    assert not (workspace / "strict.mkv").exists()


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


def unknown_codec():
    make_clip("in.mkv")
    content = Path("in.mkv").read_bytes()
    assert content.count(b"V_FFV1") == 1
    Path("in.mkv").write_bytes(content.replace(b"V_FFV1", b"V_NONE"))


def two_sizes():
    make_clip("a.y4m", codec="rawvideo", format="yuv4mpegpipe")
    make_clip("one.h264", codec="libx264", format="h264")
    make_clip("two.h264", codec="libx264", format="h264", size=(32, 32))
    Path("in.mkv").write_bytes(Path("one.h264").read_bytes() + Path("two.h264").read_bytes())


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        (interlaced, (), ("is interlaced, and the network sees whole frames", "bwdif")),
        (sound_alone, (), ("has no video stream",)),
        (unknown_codec, (), ("codec is none that PyAV decodes",)),
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
        (lambda: make_clip("in.mkv"), ("--crf", "0", "-o", "-"), ("--crf: does nothing for Y4M",)),
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
    result = hwrts("enhance", "photos/photo0.png", "-o", "out.png", *RUN, "--crf", "0")
    assert_one_clear_line(result, "--crf: is for clips", "photo0.png")


def test_giants_are_refused(workspace, hwrts):
    make_clip("in.mkv", size=(1024, 1000), count=1)
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "--max-megapixels", "1")
    assert_one_clear_line(result, "1024x1000 is 1.0 megapixels", "--max-megapixels")


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


def test_a_clip_of_which_nothing_decodes(workspace, hwrts):
    make_clip("in.avi", codec="mjpeg", pixels="yuvj420p", count=1)
    with av.open("in.avi") as clip:
        packet = next(each for each in clip.demux(clip.streams.video[0]) if each.size)
        place, size = packet.pos, packet.size
    content = bytearray((workspace / "in.avi").read_bytes())
    content[place + 8 : place + size - 8] = bytes(size - 16)
    (workspace / "in.avi").write_bytes(content)
    result = hwrts("enhance", "in.avi", "-o", "out.mkv", *RUN, "-q")
    assert_one_clear_line(result, "holds no frame that can be decoded")


def test_a_clip_that_becomes_interlaced(tmp_path):
    make_clip(tmp_path / "in.mkv")
    clip = Clip("in.mkv", str(tmp_path / "in.mkv"))
    frame = pattern("yuv420p", (22, 14), 0)
    later = SimpleNamespace(
        height=frame.height, width=frame.width, format=frame.format, interlaced_frame=True, time=1.5
    )
    with pytest.raises(DataError, match=r"is interlaced at 1.500 s; deinterlace it"):
        clip._item((later, None))
    clip.close()


def test_what_an_encoder_says_is_one_line(workspace, hwrts, monkeypatch):
    def fail(self, planes, time):
        raise av.error.InvalidDataError(1, "no more")

    make_clip("in.mkv")
    monkeypatch.setattr("hwrts.video.sink.ContainerSink.frame", fail)
    result = hwrts("enhance", "in.mkv", "-o", "out.mkv", *RUN, "-q")
    assert_one_clear_line(result, "out.mkv: can't be written (no more)")
    assert not (workspace / "out.mkv").exists()


def test_networks_of_other_sizes_are_none_of_clips():
    options = enhance_clip.ClipOptions(None, None, None, False, None, None, False)
    with pytest.raises(DataError, match="pictures that are smaller, or lack rows"):
        enhance_clip.enhance_one(
            [Path("in.mkv")], Path("out.mkv"), lambda codes: codes, None, options,
            clip_said.Sayings({}, False, ConsoleProgress(quiet=True)),
            look=PLAIN, max_megapixels=1, force=False,
        )  # fmt: skip
