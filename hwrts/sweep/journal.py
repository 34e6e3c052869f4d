"""Optuna's journal on disk: a torn end is cut off, what is damaged within is put aside.

Optuna refuses a journal for ever when a full disk or a power cut left half a line or zero bytes at its end.
"""

import os
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from hwrts.fixed_point.stored import parse_json

NAME = "optuna.journal"


class Lock(JournalFileOpenLock):
    """Optuna's, released in one step: nothing is left of it where the system refuses, and that is said."""

    def release(self) -> None:
        """Remove the lock's file.

        Raises:
            OSError: The system does not let it, such as on a disk that has become read-only.
            RuntimeError: Somebody else has released it, in Optuna's words.
        """
        try:
            Path(self._lock_file).unlink()
        except FileNotFoundError as error:
            raise RuntimeError("Error: did not possess lock") from error


def mend_end(path: Path) -> int:
    """Cut what is no whole line off the end of a journal; returns how many bytes that were.

    Whoever is writing finishes first: nobody writes without the lock.
    """
    lock = Lock(str(path))
    lock.acquire()
    try:
        if not path.is_file():
            return 0
        with path.open("rb+") as journal:
            whole = sum(len(line) for line in _whole_lines(journal.readlines()))
            cut = journal.seek(0, os.SEEK_END) - whole
            if cut:
                journal.truncate(whole)
                os.fsync(journal.fileno())
        return cut
    finally:
        lock.release()


def put_aside(path: Path) -> Path:
    """Rename a journal that cannot be read, so that a new one can be begun; returns where it is."""
    n = 1
    while (aside := path.with_name(f"{path.name}.damaged{n}")).exists():
        n += 1
    return path.rename(aside)


def _whole_lines(lines: list[bytes]) -> list[bytes]:
    """All lines but those at the end that are cut short or no JSON."""
    while lines and not _is_whole(lines[-1]):
        lines.pop()
    return lines


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(parse_json(line), dict)
    except ValueError:
        return False
