"""What goes through in order, and what no network sees; of clips and files nothing."""

import threading
from time import sleep

import numpy as np
import pytest

from hwrts.video.colours import Rgb
from hwrts.video.layout import layout_of

pytest.importorskip("av", reason="clips are not tested: av is not installed (hwrts[video])")

from hwrts.video.frames import Frame
from hwrts.video.pump import DEPTH, pump
from hwrts.video.threads import Ahead, Behind, aside

LAYOUT = layout_of("", "yuv444p", 2, 3, full=False, space=1)


def frame(number, broken=None):
    return Frame(tuple(np.full((2, 3), 100 + number, np.uint8) for _ in range(3)), number, broken)


class Clip:
    def __init__(self, items):
        self._items, self.read, self.closed = items, 0, False

    def items(self):
        for item in self._items:
            self.read += 1
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self):
        self.closed = True


class Kept:
    def __init__(self):
        self.notes, self.items = [], []

    def frame(self, planes, time):
        self.items.append((time, [plane.tolist() for plane in planes]))

    def packet(self, packet):
        self.items.append(packet)

    def close(self):
        pass


class Slow(Kept):
    def frame(self, planes, time):
        sleep(0.001)
        super().frame(planes, time)


class Failing(Kept):
    def frame(self, planes, time):
        raise ValueError("write")


def inverted(codes):
    return 255 - codes


def test_order_packets_and_broken_frames():
    """A broken frame keeps its codes; a good one has what the conversion says, and sound its place."""
    clip, kept = Clip([frame(0), "sound", frame(1, "damaged"), frame(2)]), Kept()
    told: list[int] = []
    done = pump(clip, Rgb(LAYOUT, 1), inverted, kept, told.append)
    assert (done.frames, done.passed, done.interrupted, told) == (3, 1, False, [1, 2, 3])
    assert kept.items[1] == "sound"
    assert [item[0] for item in kept.items if item != "sound"] == [0, 1, 2]
    assert kept.items[2][1] == [[[101] * 3] * 2] * 3
    for index, number in ((0, 0), (3, 2)):
        planes, conversion = frame(number).planes, Rgb(LAYOUT, 1)
        seen = conversion.seen(planes)
        wanted = conversion.made(planes, seen, inverted(seen))
        assert kept.items[index][1] == [plane.tolist() for plane in wanted]
        assert kept.items[index][1][0][0][0] != 100 + number
    assert clip.closed


def test_few_frames_are_on_their_way():
    """However long the clip is: what is read ahead and what waits to be written; codecs hold some beside."""
    clip, kept, most = Clip([frame(0)] * 200), Slow(), []

    def network(codes):
        most.append(clip.read - len(kept.items))
        return codes

    pump(clip, Rgb(LAYOUT, 1), network, kept)
    assert len(kept.items) == 200
    assert max(most) <= 2 * DEPTH + 5


def test_ctrl_c_ends_behind_what_is_made():
    calls, kept = [], Kept()

    def network(codes):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return codes

    clip = Clip([frame(number) for number in range(50)])
    done = pump(clip, Rgb(LAYOUT, 1), network, kept)
    assert (done.frames, done.interrupted, len(kept.items)) == (2, True, 2)
    assert clip.closed


class Ended(Kept):
    """Says when it is closed, and waits then."""

    def __init__(self):
        super().__init__()
        self.closing, self.wait, self.closed = threading.Event(), threading.Event(), 0

    def close(self):
        self.closed += 1
        self.closing.set()
        assert self.wait.wait(10)


def interrupting(monkeypatch, target, number):
    """Ctrl-C while the target is being closed, so often; and then it is."""
    finish = Behind.finish
    calls = []

    def met(self):
        calls.append(0)
        if len(calls) > number:
            target.wait.set()
            return finish(self)
        self._calls.put(None)
        assert target.closing.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(Behind, "finish", met)


def test_ctrl_c_while_the_target_is_closed_loses_nothing(monkeypatch):
    target = Ended()
    interrupting(monkeypatch, target, 1)
    done = pump(Clip([frame(number) for number in range(9)]), Rgb(LAYOUT, 1), inverted, target)
    assert (done.frames, done.interrupted, target.closed) == (9, True, 1)


def test_a_second_one_waits_for_nothing(monkeypatch):
    target = Ended()
    monkeypatch.setattr("hwrts.video.threads._LEAVE_SECONDS", 0.01)
    interrupting(monkeypatch, target, 2)
    clip = Clip([frame(0)])
    with pytest.raises(KeyboardInterrupt):
        pump(clip, Rgb(LAYOUT, 1), inverted, target)
    assert not clip.closed  # packets that are being written ask it
    target.wait.set()


def test_a_failed_write_is_raised_where_ctrl_c_came_too():
    def network(codes):
        sleep(0.02)  # the write before it fails
        if len(calls := [*seen, 0]) == 2:
            raise KeyboardInterrupt
        seen[:] = calls
        return codes

    seen: list[int] = []
    with pytest.raises(ValueError, match="write"):
        pump(Clip([frame(0), frame(1)]), Rgb(LAYOUT, 1), network, Failing())


@pytest.mark.parametrize("where", ["read", "network", "write"])
def test_errors_of_every_thread_are_raised(where):
    def fail(*_):
        raise ValueError(where)

    clip = Clip([frame(0), ValueError("read")] if where == "read" else [frame(0)] * 30)
    kept = Failing() if where == "write" else Kept()
    with pytest.raises(ValueError, match=where):
        pump(clip, Rgb(LAYOUT, 1), fail if where == "network" else inverted, kept)
    assert clip.closed


def test_a_reader_that_waits_keeps_nobody(monkeypatch):
    monkeypatch.setattr("hwrts.video.threads._LEAVE_SECONDS", 0.01)
    wait = threading.Event()

    def items():
        yield 1
        wait.wait()

    ahead = Ahead(items(), 2)
    assert next(iter(ahead)) == 1
    assert not ahead.leave()
    wait.set()


def test_a_call_aside_returns_or_raises():
    assert aside(threading.current_thread) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0)
