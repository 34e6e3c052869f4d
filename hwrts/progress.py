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
