"""One writer at a time in a folder: a lock of the operating system, which a killed process cannot keep.

The lock is on a file beside the folder, .NAME.lock, because the folder itself may be replaced by a new one.
Its content says who holds it. Its holder deletes it before it lets go: filelock takes no lock on a file that
lost its name meanwhile (since 3.21), so two processes never lock two files of one name. Readers need no lock,
for every file is replaced whole.
"""

import contextlib
import errno
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from hwrts.errors import NotWrittenError, RunFolderError
from hwrts.files.atomic import clear_temporaries
from hwrts.files.new_folder import is_lost, make_folder, next_to, settle, settle_inside
from hwrts.fixed_point.stored import MAX_DOCUMENT_BYTES, parse_json, read_file

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def writing(root: Path, *, wait: bool = False, may_be_read_only: bool = False) -> Iterator[None]:
    """Be the only one that writes to a folder, which need not exist yet; what a kill left there is put right.

    Args:
        root: The folder.
        wait: Wait for the other one instead of refusing.
        may_be_read_only: Go on without a lock in a folder that cannot be written to, and write nothing.

    Raises:
        NotWrittenError: The folder cannot be written to.
        RunFolderError: Another process is writing to it, or the file system has no locks.
    """
    try:
        lock = _acquire(root, wait=wait)
    except NotWrittenError:
        if not may_be_read_only:
            raise
        lock = None
    if lock is None:
        yield
        return
    try:
        with contextlib.suppress(OSError):  # Windows lets nobody write to a file that is locked
            Path(lock.lock_file).write_text(json.dumps(_myself()) + "\n", "utf-8")
        _tidy(root)
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows deletes no open file; there filelock does it
            Path(lock.lock_file).unlink()
        lock.release()


def clear_lock(root: Path) -> None:
    """Delete a lock's file that a killed process left beside a folder, unless somebody holds it now."""
    if _beside(root.resolve()).exists():
        with contextlib.suppress(RunFolderError, OSError), writing(root):
            pass


def restore(root: Path) -> None:
    """Bring a folder back that a kill left under a hidden name, unless somebody is replacing it now."""
    if is_lost(root):
        with contextlib.suppress(RunFolderError, OSError), writing(root):
            pass


def _tidy(root: Path) -> None:
    """Put right what killed commands left: whoever holds the lock knows that nobody uses it."""
    settle(root)
    for folder in (root, next_to(root)):
        if (folder / "run.json").is_file():  # or it may be no folder of ours
            settle_inside(folder)
            clear_temporaries(folder)


def _acquire(root: Path, *, wait: bool) -> FileLock:
    real = root.resolve()  # a folder of two names has one lock
    if not real.name:
        raise RunFolderError(f"{root}: is the root of everything; give a folder in it")
    beside = _beside(real)
    if not root.exists():
        make_folder(beside.parent, "choose a place where you may write")
    # who cannot write beside a folder cannot replace it either: then a lock inside is as good
    for path in (beside, root / ".lock"):
        try:
            lock = FileLock(path)
            lock.acquire(timeout=-1 if wait else 0)
            return lock
        except Timeout as error:
            raise RunFolderError(
                f"{root}: {_holder(path)} is writing to it; wait until it has ended, or use another folder"
            ) from error
        except OSError as error:
            if not root.exists():
                raise RunFolderError(
                    f"{root}: cannot be made ({error.strerror}); choose a place where you may write"
                ) from error
            refused = error.errno in _UNWRITABLE
            # What the system says of permissions, a server or a sandbox may overrule.
            last = path.parent == root and not path.exists()
            if refused and (last or not os.access(root, os.W_OK)):
                raise NotWrittenError(
                    f"{root}: is read-only; copy it to a place where you may write"
                ) from error
            if not refused or path.exists():
                raise RunFolderError(
                    f"{path}: cannot be locked ({error.strerror}); delete that file if it is another user's "
                    "and nobody works there, or use another folder"
                ) from error
        except NotImplementedError as error:
            raise RunFolderError(
                f"{path}: cannot be locked, its file system has no locks; use a folder on another one"
            ) from error
    raise AssertionError("a lock inside a folder")


def _beside(real: Path) -> Path:
    return real.with_name(f".{real.name}.lock")


def _myself() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": " ".join([_program(Path(sys.argv[0])), *sys.argv[1:]]),
        "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _program(path: Path) -> str:
    """How a user calls what runs; ``python -m hwrts`` runs hwrts/__main__.py.

    >>> _program(Path("/usr/bin/hwrts")), _program(Path("/site-packages/hwrts/__main__.py"))
    ('hwrts', 'hwrts')
    """
    return path.parent.name if path.name == "__main__.py" else path.name


def _holder(path: Path) -> str:
    """Who holds a lock, in words, from the lock's file: other bytes than ours tell nothing."""
    try:
        holder = parse_json(read_file(path, MAX_DOCUMENT_BYTES))
        pid, host, command, since = (str(holder[key]) for key in ("pid", "host", "command", "since"))
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    where = f"process {pid}" + (f" on {host}" if host != platform.node() else "")
    text = f"{where} ({command:.80}, since {since})"
    return text if text.isprintable() else "another process"
