"""What happens to a process at its n-th change of a folder: it is killed, or the system refuses.

Python tells an audit hook of every file that it opens, renames or deletes, before it is done.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def at_changes(folder: Path, met: Callable[[int, str, object], None]) -> None:
    """Call ``met`` with number, kind and path of every change in a folder, from now on, before it is done."""
    root, count = f"{folder}{os.sep}", 0

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open":
            if isinstance(given[0], int) or not given[2] & _WRITES:
                return
        elif event not in CHANGES:
            return
        path = os.fsdecode(given[0])
        if Path(path).is_absolute() and not path.startswith(root):
            return
        count += 1
        met(count - 1, event, given[0])

    sys.addaudithook(hook)


def count_changes(folder: Path, tally: Path) -> None:
    """Write a byte for each change."""
    file = os.open(tally, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def met(number: int, event: str, path: object) -> None:
        os.write(file, b".")

    at_changes(folder, met)


def killed_at(folder: Path, place: int, signal_number: int) -> None:
    """The process gets a signal before a change."""

    def met(number: int, event: str, path: object) -> None:
        if number == place:
            os.kill(os.getpid(), signal_number)

    at_changes(folder, met)


def refused_at(folder: Path, place: int, error: int, forever: bool) -> None:
    """The system refuses a change, and every one behind it if it is for ever; a full disk still deletes."""

    def met(number: int, event: str, path: object) -> None:
        takes_space = event in ("open", "os.mkdir", "os.link", "os.symlink")
        if (number == place or (forever and number > place)) and (takes_space or error != errno.ENOSPC):
            raise OSError(error, os.strerror(error), path)

    at_changes(folder, met)
