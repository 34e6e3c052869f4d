"""Files that appear complete or not at all: written under a temporary name, then renamed."""

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hwrts.errors import DataError, NotWrittenError

_NAME_CHARACTERS = 40
"""Of a file's name in its temporary one, to be recognised by: a whole name of 255 bytes, the most that file
systems take, would leave no room for the suffix."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
"""Names of :func:`temporary_name`, and of the files of a network while they are written."""


@contextlib.contextmanager
def atomic_file(path: Path, *, needed_bytes: int | None = None) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends, and vanishes when the block raises.

    The temporary name is in the same folder, because a rename is atomic only within one file system. It
    starts with a dot and ends in ``.tmp``, so that no listing of images or arrays takes it for a finished
    file.

    Args:
        path: The final name; an existing file is replaced.
        needed_bytes: Size of what will be written, if known, for the message when the disk is full.

    Raises:
        DataError: The folder is missing or not writable, or the disk is full.
    """
    # Not tempfile: it creates files that only their owner may read, whatever the umask says.
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves the new name with no content
        temporary.replace(path)
    except OSError as error:
        raise DataError(_reason(path, error, needed_bytes)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """A name beside a file that nobody else has."""
    return path.with_name(f".{path.name[:_NAME_CHARACTERS]}.{secrets.token_hex(4)}.tmp")


def clear_temporaries(folder: Path, *, below: bool = True) -> None:
    """Delete what kills left half written in a folder, and in those below it; nobody may be writing."""
    for parent, folders, names in os.walk(folder):
        for name in names:
            if _TEMPORARY.fullmatch(name):
                Path(parent, name).unlink(missing_ok=True)
        if not below:
            folders.clear()


def clear_temporaries_of(path: Path) -> None:
    """Delete those of one file, in a folder that may be anybody's."""
    for each in path.parent.glob(f".{path.name[:_NAME_CHARACTERS]}.{'[0-9a-f]' * 8}.tmp"):
        each.unlink(missing_ok=True)


def write_atomic(path: Path, payload: bytes) -> None:
    """Write a file of a run, whole or not at all.

    Raises:
        NotWrittenError: As :func:`atomic_file`.
    """
    try:
        with atomic_file(path, needed_bytes=len(payload)) as file:
            file.write(payload)
    except DataError as error:
        raise NotWrittenError(str(error)) from error


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Name the file where a write of the block fails: the system's own error does not when the disk is full.

    Raises:
        NotWrittenError: With the reason.
    """
    try:
        yield
    except OSError as error:
        raise NotWrittenError(_reason(path, error, None)) from error


def text_bytes(text: str) -> bytes:
    r"""A text as UTF-8; bytes of file names that are none, which Python keeps as surrogates, as escapes.

    >>> text_bytes("p\udcff.png")
    b'p\\udcff.png'
    """
    return text.encode("utf-8", "backslashreplace")


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Raise DataError when ``folder`` (which must exist) has less than ``needed_bytes`` free."""
    if shutil.disk_usage(folder).free < needed_bytes:
        raise DataError(f"{folder}: {_disk_full(folder, needed_bytes)}")


def _reason(path: Path, error: OSError, needed_bytes: int | None) -> str:
    if error.errno == errno.EDQUOT:
        return f"{path}: your quota of this disk is used up; free some space or choose another folder"
    if error.errno == errno.ENOSPC:
        return f"{path}: {_disk_full(path.parent, needed_bytes)}"
    if not path.parent.is_dir():
        return f"{path}: the folder {path.parent} does not exist; create it or choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return f"{path}: the name is too long for this file system; choose a shorter one"
    return f"{path}: can't be written ({error.strerror or error}); choose a folder that is writable"


def _disk_full(folder: Path, needed: int | None) -> str:
    """Which of a disk's two stores is empty: that of bytes, or that of names."""
    if hasattr(os, "statvfs"):
        disk = os.statvfs(folder)
        if disk.f_files and not disk.f_favail:
            return (
                f"disk full, all its {disk.f_files:,} inodes are taken, so that no file can be made; "
                "delete some or choose another folder"
            )
    need = "more bytes than that are" if needed is None else f"{needed:,} bytes are"
    free = shutil.disk_usage(folder).free
    return f"disk full, {need} needed and {free:,} are free; free some space or choose another folder"
