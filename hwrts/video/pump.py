"""Frames through a network, overlapped: decoding ahead in one thread, encoding behind in another.

What is on its way is a few frames, whatever the length of the clip.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, Generic, Protocol, TypeVar

from hwrts.data.depth import Codes
from hwrts.video.colours import Conversion
from hwrts.video.frames import Frame
from hwrts.video.layout import Planes

DEPTH = 4
"""Items that wait for the network, and for the encoder: enough that none waits for a longer frame."""

_T = TypeVar("_T")


class Target(Protocol):
    """Where frames and packets go.

    Attributes:
        notes: What it could not keep, in a line each.
    """

    notes: list[str]

    def frame(self, planes: Planes, time: int) -> None:
        """A frame, shown at a time in the clip's time base."""

    def packet(self, packet: Any) -> None:
        """A packet of another stream."""

    def close(self) -> None:
        """Write what waits, and end the file."""


class Readable(Protocol):
    """Where they come from: a :class:`.source.Clip`."""

    def items(self) -> Iterator[Any]:
        """Frames and packets, in the order of the file."""

    def close(self) -> None:
        """Close it."""


@dataclass
class Done:
    """What went through.

    Attributes:
        frames: How many.
        passed: How many of them no network saw.
        interrupted: Whether the user ended it before the clip did.
    """

    frames: int = 0
    passed: int = 0
    interrupted: bool = False


def pump(
    clip: Readable,
    conversion: Conversion,
    network: Callable[[Codes], Codes],
    target: Target,
    advance: Callable[[int], None] = lambda done: None,
) -> Done:
    """Every frame of a clip through a network, in order, and every packet beside.

    Ctrl-C ends it behind the last frame that is made, so that whoever writes can end the file. The clip is
    closed at the end.

    Args:
        clip: What is read.
        conversion: Planes to what the network sees, and back.
        network: Codes to codes.
        target: What is written to, by one thread.
        advance: Told how many frames are made.
    """

    def seen() -> Iterator[tuple[Any, Codes | None]]:
        for item in clip.items():
            good = isinstance(item, Frame) and item.broken is None
            yield item, conversion.seen(item.planes) if good else None

    def write(item: Any, codes: Codes | None, result: Codes | None) -> None:
        if not isinstance(item, Frame):
            target.packet(item)
        elif codes is None or result is None:
            target.frame(conversion.kept(item.planes), item.time)
        else:
            target.frame(conversion.made(item.planes, codes, result), item.time)

    done = Done()
    waiting: deque[Future[None]] = deque()
    items = Ahead(seen(), DEPTH)
    try:
        with ThreadPoolExecutor(1) as writer:
            try:
                for item, codes in items:
                    result = None if codes is None else network(codes)
                    while len(waiting) > DEPTH:
                        waiting.popleft().result()
                    waiting.append(writer.submit(write, item, codes, result))
                    if isinstance(item, Frame):
                        done.frames += 1
                        done.passed += codes is None
                        advance(done.frames)
            except KeyboardInterrupt:
                done.interrupted = True
            for each in waiting:
                each.result()
    finally:  # packets that wait still ask the clip for their stream
        if items.leave():
            clip.close()
    return done


class Ahead(Generic[_T]):
    """Items of an iterator that another thread reads ahead of those who ask for them.

    The thread is a daemon: one that waits for a pipe does not keep a command that was interrupted.
    """

    def __init__(self, items: Iterator[_T], depth: int) -> None:
        self._items, self._left = items, Event()
        self._box: Queue[tuple[bool, Any]] = Queue(depth)
        self._thread = Thread(target=self._fill, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[_T]:
        while True:
            good, item = self._box.get()
            if good:
                yield item
            elif item is None:
                return
            else:
                raise item

    def leave(self) -> bool:
        """Nobody asks any more; a second is left for what the thread is doing. Whether it has ended."""
        self._left.set()
        self._thread.join(1)
        return not self._thread.is_alive()

    def _fill(self) -> None:
        try:
            for item in self._items:
                self._put((True, item))
                if self._left.is_set():
                    return
            self._put((False, None))
        except BaseException as error:  # whatever it is, it is raised where items are asked for
            self._put((False, error))

    def _put(self, item: tuple[bool, Any]) -> None:
        while not self._left.is_set():
            try:
                self._box.put(item, timeout=0.1)
            except Full:
                continue
            return
