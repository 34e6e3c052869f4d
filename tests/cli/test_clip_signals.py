"""Ctrl-C and SIGTERM wherever a clip is: real processes, pipes and signals; only the network is none."""

import fcntl
import json
import signal
import subprocess
import sys
import termios
import time

import pytest

pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from ..video.clips import decoded, make_clip

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from hwrts.cli.interrupt import Interruptible
with Interruptible():
    import os, time
    from pathlib import Path
    from hwrts.cli.console import ConsoleProgress
    from hwrts.cli.clip_said import Sayings
    from hwrts.cli.enhance_clip import ClipOptions, enhance_one
    from hwrts.data.looking import PLAIN
    import hwrts.video.enhance, hwrts.video.threads
    hwrts.video.threads._LEAVE_SECONDS = 0.1
    from hwrts.video.sink import ContainerSink
    calls = []
    def say(word):
        print(word, file=sys.stderr, flush=True)
    def network(codes):
        calls.append(0)
        if len(calls) == stuck:
            say("stuck")
            time.sleep(60)
        return codes
    source, output, stuck, slow = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    def slowly(function):
        def met(*given):
            if len(told) == 0:
                told.append(say("closing"))
                time.sleep(slow)
            return function(*given)
        return met
    told = []
    if slow > 0:
        ContainerSink.close = slowly(ContainerSink.close)
    elif slow < 0:
        slow = -slow
        os.fsync = slowly(os.fsync)
    say("ready")
    options = ClipOptions("ffv1" if output != "-" else None, None, None, False, None, None, False)
    sayings = Sayings({"stage": "none"}, len(sys.argv) > 5, ConsoleProgress())
    rest = {"look": PLAIN, "max_megapixels": 1, "force": False}
    enhance_one([Path(source)], Path(output), network, 1, options, sayings, **rest)
"""


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """In the current folder; 60 frames of 9 kB are more than a pipe holds."""
    monkeypatch.chdir(tmp_path)
    make_clip("in.y4m", codec="rawvideo", format="yuv4mpegpipe", count=60, rate=25, size=(96, 64))
    return tmp_path


def start(source, output, *more, stuck=0, slow=0.0):
    # A session of its own: this one may ignore Ctrl-C, as background jobs of a shell do.
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, source, output, str(stuck), str(slow), *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def until(process, word):
    """Read its progress up to a line."""
    for line in process.stderr:
        if line == f"{word}\n".encode():
            return
    pytest.fail(f"it ended before {word}: {process.wait()}")


def stalls(pipe):
    """Wait until no more comes into a pipe that nobody reads."""
    before, deadline = 0, time.monotonic() + 20
    while True:
        time.sleep(0.15)
        now = int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
        if now == before > 0:
            return
        assert time.monotonic() < deadline
        before = now


def ended(process):
    """Its exit code and what it said, within seconds."""
    out, err = process.communicate(timeout=20)
    assert b"Traceback" not in err, err
    assert b"Exception" not in err, err
    return process.returncode, out, err.decode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_pipe_that_brings_nothing_is_left(clip, number, code):
    with start("-", "out.mkv") as process:
        until(process, "ready")
        time.sleep(0.2)  # it opens the pipe
        process.send_signal(number)
        process.wait(5)
        assert ended(process)[:2] == (code, b"")
    assert [each.name for each in clip.iterdir()] == ["in.y4m"]


def test_a_reader_that_stalls_is_left_at_the_second(clip):
    """It writes what is made until the first; there is no end of that."""
    with start("in.y4m", "-") as process:
        until(process, "ready")
        stalls(process.stdout)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(5)
        code, out, err = ended(process)
    assert code == 130
    assert out.startswith(b"YUV4MPEG2")
    assert "interrupted" not in err


def test_a_killed_one_leaves_a_temporary_file_and_no_clip(clip):
    """SIGKILL: under the name is nothing, and the next call writes it."""
    process = start("in.y4m", "kept.mkv", stuck=9)
    until(process, "stuck")
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    assert not (clip / "kept.mkv").exists()
    (left,) = clip.glob(".kept.mkv.*.tmp")
    process = start("in.y4m", "kept.mkv")
    assert ended(process)[0] == 0
    assert len(decoded("kept.mkv")[0]) == 60
    assert left.exists()  # nobody else's to delete: another call may be writing it


def test_before_the_first_frame_nothing_is_left(clip):
    with start("in.y4m", "out.mkv", stuck=1) as process:
        until(process, "stuck")
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 130
    assert [each.name for each in clip.iterdir()] == ["in.y4m"]


def test_into_a_pipe_go_the_frames_that_are_made(clip):
    with start("in.y4m", "-", stuck=4) as process:
        until(process, "stuck")
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    assert code == 143
    assert out.count(b"FRAME\n") == 3
    assert err.splitlines()[-1] == "interrupted: 3 frames went through"


@pytest.mark.parametrize("where", ["close", "disk"])
def test_while_the_file_is_ended_one_signal_loses_nothing(clip, where):
    with start("in.y4m", "out.mkv", "--json", slow=0.3 if where == "close" else -0.3) as process:
        until(process, "closing")
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    assert code == 130
    (entry,) = json.loads(out)
    assert (entry["frames"], entry["interrupted"], entry["stage"]) == (60, True, "none")
    assert "interrupted: out.mkv holds 60 frames, and plays" in err
    assert len(decoded("out.mkv")[0]) == 60


def test_while_the_file_is_ended_a_second_one_leaves_nothing(clip):
    with start("in.y4m", "out.mkv", slow=60) as process:
        until(process, "closing")
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 130
    assert [each.name for each in clip.iterdir()] == ["in.y4m"]
