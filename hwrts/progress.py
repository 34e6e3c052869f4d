"""How long work tells its user where it is; the library itself never prints."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int, str], None]
"""Called with the number of units done and a short text, such as the loss."""


class Progress(Protocol):
    """Someone who shows progress: the command line on a terminal, nobody in a test."""

    def say(self, text: str) -> None:
        """One line of what was decided or found."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        """A bar that is open while its block runs."""


class Silent:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        """Nothing."""
        yield lambda done, text: None


SILENT = Silent()
"""For those who do not say where to."""

Told = Callable[[str, int, int, str], None]
"""Called with a title, units done, units in all, and a short text; what was decided is told without units."""


class Telling:
    """Tells a function of the caller's own.

    >>> progress = Telling(lambda title, done, total, text: print(title, done, total))
    >>> progress.say("device cpu")
    device cpu 0 0
    """

    def __init__(self, told: Told) -> None:
        self._told = told

    def say(self, text: str) -> None:
        """A call without units."""
        self._told(text, 0, 0, "")

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        """A call when the work begins, and one for each step of it."""
        self._told(title, 0, total, "")
        yield lambda done, text: self._told(title, done, total, text)


def telling(told: Told | None) -> Progress:
    """Someone who tells the function, or nobody."""
    return SILENT if told is None else Telling(told)


def duration(seconds: float) -> str:
    """About how long, as one says it.

    >>> [duration(each) for each in (3.4, 75, 119.9, 3300, 9000, 200_000)]
    ['3 s', '75 s', '2 min', '55 min', '2 h 30 min', '55 h']
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 and minutes < 600 else "")
