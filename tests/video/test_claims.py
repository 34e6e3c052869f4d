"""What a clip says of itself where it is wrong, says nothing, or says another thing later."""

from fractions import Fraction
from pathlib import Path

import pytest

from hwrts.errors import DataError

av = pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

import numpy as np  # noqa: E402 - behind av, as the others

from hwrts.video.claims import length_of  # noqa: E402
from hwrts.video.encoding import Encoding  # noqa: E402
from hwrts.video.enhance import enhance_clip  # noqa: E402
from hwrts.video.source import Clip  # noqa: E402

from .clips import decoded, make_clip  # noqa: E402

UNNAMED = (1, 2, 2, 2)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def same(codes):
    return codes


def twice(codes):
    return codes.repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize(
    ("tags", "matrix", "scale", "wanted"),
    [
        (UNNAMED, None, 2, 6),  # of 720 lines it would be read as BT.709
        (UNNAMED, None, 1, 2),
        (UNNAMED, "bt2020", 1, 9),
        (UNNAMED, "smpte240m", 2, 7),
        ((1, 1, 1, 1), "bt601", 2, 1),
        ((1, 5, 1, 1), None, 2, 5),
    ],
)
def test_a_matrix_that_nobody_names_is_named_where_another_would_be_guessed(tags, matrix, scale, wanted):
    make_clip("in.mkv", size=(8, 360), tags=tags, count=1)
    clip = Clip("in.mkv", "in.mkv", matrix=matrix)
    before = clip.layout.matrix
    enhance_clip(clip, Path("out.mkv"), same if scale == 1 else twice, scale, Encoding("ffv1"))
    with av.open("out.mkv") as made:
        assert next(made.decode(video=0)).colorspace == wanted
    if wanted != 2:
        after = Clip("out.mkv", "out.mkv")
        assert after.layout.matrix == before
        after.close()


def test_grey_has_no_matrix_to_name():
    make_clip("in.mkv", "gray", tags=UNNAMED, count=1)
    clip = Clip("in.mkv", "in.mkv")
    assert clip.tags_of(clip.layout.sized(28, 44))["colorspace"] == 2
    clip.close()


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ((2, 1, 1, 1), "the colours become those of matrix 1 of H.273, full range; cut the clip there"),
        ((1, 9, 1, 1), "the colours become those of matrix 9 of H.273, limited range"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_colours_that_change_are_refused(later, said, turned):
    make_clip("one.h264", codec="libx264", format="h264", size=(32, 32))
    make_clip("two.h264", codec="libx264", format="h264", size=(32, 32), tags=later)
    parts = [Path("one.h264").read_bytes(), Path("two.h264").read_bytes()]
    Path("in.h264").write_bytes(b"".join(reversed(parts) if turned else parts))
    said = "the colours become those of matrix 1 of H.273, limited range" if turned else said
    with pytest.raises(DataError, match=said):
        enhance_clip(Clip("in.h264", "in.h264"), Path("out.mkv"), same, 1, Encoding("ffv1"))
    assert not Path("out.mkv").exists()


def test_a_last_frame_that_is_shown_for_long_is_no_varying_rate():
    with av.open("in.mp4", "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        video.codec_context.time_base = Fraction(1, 12_800)
        packets = []
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), number, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number * 512, Fraction(1, 12_800)
            packets += video.encode(frame)
        for packet in [*packets, *video.encode(None)]:
            packet.duration = 5_000 if packet.pts == 29 * 512 else 512
            out.mux(packet)
    done, _ = enhance_clip(Clip("in.mp4", "in.mp4"), Path("out.y4m"), same, 1, Encoding())
    assert done.frames == 30
    assert len(decoded("out.y4m")[0]) == 30


@pytest.mark.parametrize(
    "text", [b"00:00:01/0", b"1e99999999", b"00:00:1e99", b"-1:00:01.0", b"99999999999:00"]
)
def test_a_length_in_words_that_is_none(text):
    assert length_of(text.decode()) is None
    make_clip("in.mkv", count=2)
    content = Path("in.mkv").read_bytes()
    place = content.index(b"DURATION") + len(b"DURATION")
    place = content.index(b"00:00:0", place)
    Path("in.mkv").write_bytes(content[:place] + text.ljust(18, b"\0") + content[place + 18 :])
    clip = Clip("in.mkv", "in.mkv")
    assert clip.count == 2
    clip.close()


def test_a_picture_larger_than_its_file_says_is_refused():
    make_clip("small.mjpeg", "yuvj420p", (64, 64), count=40, codec="mjpeg", format="mjpeg")
    make_clip("large.mjpeg", "yuvj420p", (2048, 1024), count=1, codec="mjpeg", format="mjpeg")
    Path("in.mjpeg").write_bytes(Path("small.mjpeg").read_bytes() + Path("large.mjpeg").read_bytes())
    clip = Clip("in.mjpeg", "in.mjpeg", max_megapixels=1)
    items = list(clip.items())
    assert len(items) == 40
    assert "can't be decoded" in clip.found[0]
    clip.close()


def test_a_refused_clip_is_closed():
    make_clip("in.mkv", size=(23, 15))
    clip = Clip("in.mkv", "in.mkv")
    with pytest.raises(DataError, match="has no odd sizes"):
        enhance_clip(clip, Path("out.mkv"), same, 1, Encoding())
    with pytest.raises(AssertionError, match="not open"):
        next(clip.container.demux())


@pytest.mark.parametrize(("name", "codec"), [("in.mkv", "ffv1"), ("in.mp4", "libx264")])
def test_a_whole_clip_that_begins_late_is_not_cut_off(tmp_path, name, codec):
    make_clip(tmp_path / name, codec=codec, times=[1000, 2000, 5000], count=3, rate=1)
    clip = Clip(name, str(tmp_path / name))
    assert len(list(clip.items())) == 3
    assert clip.found == []
    clip.close()
