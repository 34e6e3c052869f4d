"""Folders that appear complete or not at all, also where an older one stands; and what kills leave of them.

Beside a folder NAME lie, hidden and with a random TOKEN, while it is made or replaced:

    .NAME.TOKEN.new     what is being made; of no use after a kill
    .NAME.TOKEN.old     the older folder, whole, between the two renames
    .NAME.TOKEN.gone    the older folder while it is deleted
    .NAME.next          what takes hours to make, to take the older folder's place; continued after a kill
"""

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from hwrts.errors import HwrtsError, RunFolderError

NEW, OLD, GONE = "new", "old", "gone"
_LEFTOVER = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}\.({NEW}|{OLD}|{GONE})")
_NEXT = re.compile(r"\.(.+)\.next")


@contextlib.contextmanager
def new_folder(target: Path, advice: str = "choose another folder") -> Iterator[Path]:
    """An empty folder that becomes ``target`` when the block ends, and vanishes when the block raises.

    An older folder at ``target`` stays until then. Only one process may do this at a time
    (:func:`hwrts.files.lock.writing`).

    Args:
        target: The final name; what stands there must be a folder that may be deleted.
        advice: What to do if nothing can be made there.

    Raises:
        RunFolderError: The folder cannot be made.
    """
    temporary = _beside(_real(target), NEW)
    make_folder(temporary.parent, advice)
    try:
        temporary.mkdir()
    except OSError as error:
        raise RunFolderError(f"{target}: cannot be made ({error.strerror}); {advice}") from error
    try:
        yield temporary
        put_in_place(temporary, target)
    except BaseException as error:
        if isinstance(error, HwrtsError):  # its user has never heard of the hidden name
            error.args = (str(error).replace(str(temporary), str(target)),)
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def put_in_place(made: Path, target: Path) -> None:
    """Give a complete folder the place of an older one, if there is one, and delete that.

    Killed at any moment, it leaves one of the two whole: at ``target``, or where :func:`settle` finds it.
    """
    target = _real(target)
    with contextlib.suppress(OSError):
        target.rmdir()  # an empty one
    if not target.exists():
        made.rename(target)
        return
    old = _beside(target, OLD)
    target.rename(old)
    try:
        made.rename(target)
    except BaseException:
        old.rename(target)
        raise
    gone = _beside(target, GONE)
    old.rename(gone)  # what is called old is whole
    shutil.rmtree(gone, ignore_errors=True)  # or the next command does it


def next_to(target: Path) -> Path:
    """Where a replacement of a folder is made that takes hours; :func:`put_in_place` ends it."""
    target = _real(target)
    return target.with_name(f".{target.name}.next")


def place_of(folder: Path) -> Path:
    """Where a folder stands, or will stand when it is complete (see :func:`next_to`)."""
    match = _NEXT.fullmatch(folder.name)
    return folder.with_name(match[1]) if match else folder


def settle(target: Path) -> None:
    """Finish what a killed command left beside a folder; nobody else may be writing there.

    The older folder comes back if the kill came before the new one had its name.
    """
    target = _real(target)
    places = {place.name: place for place in (target, next_to(target))}  # the latter is made like the former
    for name, kind, path in _leftovers(target.parent):
        if name in places:
            if kind == OLD and not places[name].exists():
                path.rename(places[name])
            else:
                shutil.rmtree(path, ignore_errors=True)
    if next_to(target).is_dir() and not target.exists():  # the older one was deleted meanwhile
        next_to(target).rename(target)


def settle_inside(folder: Path) -> None:
    """As :func:`settle`, for every folder in a folder that is wholly ours."""
    for name in {name for name, _, _ in _leftovers(folder)}:
        settle(folder / name)


def is_lost(target: Path) -> bool:
    """Whether a folder is missing, or one in it, because a kill came before it had its name back."""
    target = _real(target)
    if target.exists():
        return any(kind == OLD and not (target / name).exists() for name, kind, _ in _leftovers(target))
    left = any(kind == OLD and name == target.name for name, kind, _ in _leftovers(target.parent))
    return left or next_to(target).is_dir()


def make_folder(folder: Path, advice: str) -> None:
    """Make a folder and those above it.

    Raises:
        RunFolderError: It cannot be made; ends with the advice.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be made ({error.strerror}); {advice}") from error


def _real(target: Path) -> Path:
    """What a link leads to, which stays: its folder is renamed on its own disk. And the name of "."."""
    return target.resolve() if target.is_symlink() or target.name in ("", "..") else target


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{kind}")


def _leftovers(parent: Path) -> list[tuple[str, str, Path]]:
    """Name of the folder, kind and path of everything that a command left in ``parent``."""
    with contextlib.suppress(OSError):
        found = [(_LEFTOVER.fullmatch(path.name), path) for path in parent.iterdir()]
        return [(match[1], match[2], path) for match, path in found if match and path.is_dir()]
    return []
