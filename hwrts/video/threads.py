"""Work in daemon threads, for a main thread that only waits on queues: so Ctrl-C ends every wait at once.

Whoever reads a pipe or writes into one may wait for ever, and a library begins its read again behind a
signal. Nobody waits for such a thread: it ends with the process. The queues are of the simple kind, in which
an exception that a signal raises leaves no lock behind; what they count is counted by one side alone.
"""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

_LEAVE_SECONDS = 1.0
"""For what a thread is doing when nobody wants it any more: most frames are encoded in less."""

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """Items of an iterator that another thread reads ahead of those who ask for them."""

    def __init__(self, items: Iterator[_T], depth: int) -> None:
        """Begin to read.

        Args:
            items: Read in the other thread.
            depth: How many may wait.
        """
        self._items, self._left = items, False
        self._box: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(depth):
            self._room.put(None)
        self._thread = _begun(self._fill)

    def __iter__(self) -> Iterator[_T]:
        while True:
            good, item = self._box.get()
            self._room.put(None)
            if good:
                yield item
            elif item is None:
                return
            else:
                raise item

    def leave(self) -> bool:
        """Nobody asks any more; a moment is left for what the thread is doing. Whether it has ended."""
        self._left = True
        self._room.put(None)
        return _ended(self._thread)

    def _fill(self) -> None:
        try:
            for item in self._items:
                self._room.get()
                if self._left:
                    return
                self._box.put((True, item))
            self._box.put((False, None))
        except BaseException as error:  # whatever it is, it is raised where items are asked for
            self._box.put((False, error))


class Behind:
    """Calls that another thread makes in turn, behind those who ask for them."""

    def __init__(self, depth: int, last: Callable[[], None]) -> None:
        """Begin to wait for calls.

        Args:
            depth: How many may wait.
            last: Called behind all of them by :meth:`finish`, in the same thread.
        """
        self._depth, self._last = depth, last
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._ticks: SimpleQueue[None] = SimpleQueue()
        self._asked = self._made = 0
        self._left = self._over = False
        self._error: BaseException | None = None
        self._thread = _begun(self._work)

    def call(self, work: Callable[[], None]) -> None:
        """Ask for a call; wait while as many as may wait do. What an earlier one raised is raised here."""
        while self._asked - self._made > self._depth and not self._over:
            self._ticks.get()
        if self._error is not None:
            raise self._error
        self._calls.put(work)
        self._asked += 1

    def finish(self) -> None:
        """Wait until every call is made, and the last; again, where an exception ended the wait."""
        self._calls.put(None)
        while not self._over:
            self._ticks.get()
        if self._error is not None:
            raise self._error

    def leave(self) -> bool:
        """No other call is begun; a moment is left for the one that is. Whether the thread has ended."""
        self._left = True
        self._calls.put(None)
        return _ended(self._thread)

    def _work(self) -> None:
        try:
            while (call := self._calls.get()) is not None and not self._left:
                call()
                self._made += 1
                self._ticks.put(None)
            if not self._left:
                self._last()
        except BaseException as error:  # whatever it is, it is raised where calls are asked for
            self._error = error
        self._over = True
        self._ticks.put(None)


def aside(work: Callable[[], _T]) -> _T:
    """What a call returns or raises that another thread makes: one that hangs can be left by Ctrl-C."""
    (made,) = Ahead((work() for _ in range(1)), 1)
    return made


def _begun(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def _ended(thread: Thread) -> bool:
    thread.join(_LEAVE_SECONDS)
    return not thread.is_alive()
