"""What no file may make a command do: compute for seconds, take a gigabyte, write somewhere else."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from .spent import Spent

SECONDS = 5.0
"""Of computing, on one core, or of sleep; a whole picture of these tests takes milliseconds."""

MEMORY = 1 << 30
"""Bytes beyond what the process has when it begins."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_inside: list[str] = []  # the one hook of this process; empty where nothing is watched
_outside: list[str] = []


class Hangs(BaseException):
    """No handler of exceptions takes it for damage."""


@contextmanager
def bounded(folder: Path) -> Iterator[None]:
    """A block whose memory is limited, and that may write in a folder alone."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    _watch(folder)
    temporary, tempfile.tempdir = tempfile.tempdir, str(folder)  # what is written there is deleted again
    try:
        yield
    finally:
        tempfile.tempdir = temporary
        resource.setrlimit(resource.RLIMIT_AS, before)
        _inside.clear()
    assert not _outside, _outside


@contextmanager
def in_seconds(seconds: float = SECONDS) -> Iterator[None]:
    """A block that neither computes nor sleeps for longer; waiting for a core is not its fault.

    It is stopped where Python is asked: code in C that is at work hangs until it comes back.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return
    spent = Spent(os.getpid())

    def look(number: int, frame: object) -> None:
        if max(spent.computing(), spent.asleep()) > seconds:
            raise Hangs(f"more than {seconds} s: {spent}")

    before = signal.signal(signal.SIGALRM, look)
    started, (left, _) = time.monotonic(), signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 5)
    try:
        yield
    finally:  # pytest's own limit has the same timer
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left and max(0.01, left - (time.monotonic() - started)))


def _watch(folder: Path) -> None:
    if not hasattr(_watch, "on"):
        sys.addaudithook(_seen)  # there for as long as the process is
        _watch.on = True  # type: ignore[attr-defined]
    _outside.clear()
    _inside.append(f"{folder.resolve()}{os.sep}")


def _seen(event: str, given: tuple[Any, ...]) -> None:
    if not _inside:
        return
    if event == "open":
        if isinstance(given[0], int) or not given[2] & _WRITES:
            return
    elif event not in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link"):
        return
    if event == "os.symlink":
        given = given[1:]  # where it leads to is not written
    count = 2 if event in ("os.rename", "os.link") else 1
    folders = () if event in ("open", "os.mkdir") else given[-count:]  # file numbers, or -1
    paths = map(os.fsdecode, given[:count])
    for path, number in zip_longest(paths, folders, fillvalue=-1):
        base = Path.cwd() if number == -1 else Path(f"/proc/self/fd/{number}").readlink()
        full = str(base / str(path))
        if not full.startswith(_inside[0]) and full != os.devnull and not full.endswith(".pyc"):
            _outside.append(f"{event} {full}")
