"""Times and packets of damaged clips: nothing ends in a message of a library, and nothing without end."""

import io

import pytest

from hwrts.errors import DataError

pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from hwrts.video.encoding import Encoding
from hwrts.video.frames import Frame
from hwrts.video.sink import ContainerSink
from hwrts.video.source import Clip
from hwrts.video.y4m import Y4mSink

from .clips import make_clip, pattern


@pytest.fixture
def clip(tmp_path):
    make_clip(tmp_path / "in.mkv", sound=True, rate=25)
    made = Clip("in.mkv", str(tmp_path / "in.mkv"))
    yield made
    made.close()


def test_a_frame_that_is_no_later_is_shown_behind(clip):
    frame = pattern("yuv420p", (22, 14), 0)
    frame.pts, frame.time_base = 5, clip.time_base
    items = [clip._item((frame, None)) for _ in range(2)]
    assert [item.time for item in items if isinstance(item, Frame)] == [5, 6]
    assert clip.found == ["in.mkv: the frame at 0.005 s is shown no later than the one before"]


def test_packets_that_go_back_are_left_out(clip, tmp_path):
    with (tmp_path / "out.mkv").open("wb") as file:
        sink = ContainerSink(file, tmp_path / "out.mkv", clip, clip.layout, Encoding("ffv1"))
        packets = [each for each in clip.items() if not isinstance(each, Frame)]
        for packet in (packets[3], packets[0]):
            sink.packet(packet)
        sink.close()
    assert sink.notes == ["stream 1: damaged packets that are left out: 1"]


def test_y4m_repeats_no_frame_for_hours(clip):
    file = io.BytesIO()
    sink = Y4mSink(file, "out.y4m", clip, clip.layout)
    planes = next(item for item in clip.items() if isinstance(item, Frame)).planes
    for time in (0, 40, 9_000):
        sink.frame(planes, time)
    assert file.getvalue().count(b"FRAME\n") == 226
    with pytest.raises(DataError, match=r"out.y4m: the frame rate varies \(at 9000.000 s\)"):
        sink.frame(planes, 9_000_000)
