"""What no file may make a command do: compute for seconds, take a gigabyte, write somewhere else."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 5.0
"""Of computing, on one core; a whole picture of these tests takes milliseconds."""

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
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        _inside.clear()
    assert not _outside, _outside


@contextmanager
def in_seconds() -> Iterator[None]:
    """A block that computes no longer than :data:`SECONDS`."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _hangs(number: int, frame: object) -> None:
    raise Hangs(f"computes for more than {SECONDS} s")


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
    for path in given[: 2 if event in ("os.rename", "os.symlink", "os.link") else 1]:
        full = str(Path.cwd() / os.fsdecode(path))
        if not full.startswith(_inside[0]) and full != os.devnull and not full.endswith(".pyc"):
            _outside.append(f"{event} {full}")
