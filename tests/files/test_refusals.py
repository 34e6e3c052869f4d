"""What the system refuses only to some users and on some disks: what is done, and the line that it gives."""

import errno
import os
from pathlib import Path

import pytest
from filelock import FileLock

from hwrts.errors import HwrtsError
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder


def stopped(number):
    def stop(*given, **more):
        raise OSError(number, os.strerror(number))

    return stop


def locks_are_unknown(*given, **more):
    raise NotImplementedError


def lock_in_a_folder_that_is_not_there(folder, monkeypatch):
    monkeypatch.setattr(FileLock, "acquire", stopped(errno.EACCES))
    with writing(folder / "x"):
        pass


def lock_what_is_read_only(folder, monkeypatch):
    (folder / "x").mkdir()
    monkeypatch.setattr(FileLock, "acquire", stopped(errno.EROFS))
    monkeypatch.setattr(os, "access", lambda *given: False)
    with writing(folder / "x"):
        pass


def lock_without_locks(folder, monkeypatch):
    (folder / "x").mkdir()
    monkeypatch.setattr(FileLock, "acquire", locks_are_unknown)
    with writing(folder / "x"):
        pass


def a_folder_that_cannot_be_made(folder, monkeypatch):
    made = Path.mkdir
    full = stopped(errno.ENOSPC)
    monkeypatch.setattr(
        Path, "mkdir", lambda path, **how: (full if path.name.endswith(".new") else made)(path, **how)
    )
    with new_folder(folder / "x", "choose another one"):
        pass


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            lock_in_a_folder_that_is_not_there,
            "F/x: cannot be made (Permission denied); choose a place where you may write",
        ),
        (lock_what_is_read_only, "F/x: is read-only; copy it to a place where you may write"),
        (
            lock_without_locks,
            "F/.x.lock: cannot be locked, its file system has no locks; use a folder on another one",
        ),
        (a_folder_that_cannot_be_made, "F/x: cannot be made (No space left on device); choose another one"),
    ],
)
def test_a_refusal_is_one_line(does, message, tmp_path, monkeypatch):
    with pytest.raises(HwrtsError) as caught:
        does(tmp_path, monkeypatch)
    assert str(caught.value).replace(str(tmp_path), "F") == message
