"""Commands on a disk that becomes full or read-only while they write: one line, exit code 2, nothing torn."""

import contextlib
import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .children import WRITERS
from .conftest import Place
from .faults import refused_at
from .left import differences, files_of, torn
from .notes import note
from .test_kills import continued

FAULTS = int(os.environ.get("HWRTS_FAULTS", "4"))
"""Of each kind and command; a campaign takes so many that every change of every command is one."""

KINDS = {"read-only": (errno.EROFS, True), "full": (errno.ENOSPC, True), "one error": (errno.EIO, False)}

PAGE = 4096
_PICTURE = re.compile(r"(^|/)\..*\.png\.[0-9a-f]{8}\.tmp$")


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_change_that_the_system_refuses(place, chance, name, kind):
    wanted, changes = place.undisturbed(WRITERS[name])
    for at in sorted(chance.sample(range(changes), min(FAULTS, changes))):
        work = place.renew()
        before = files_of(work)
        child = place.start(WRITERS[name], refused_at, work, at, *KINDS[kind])
        code, said = child.end(), child.said()
        judge(name, code, said, f"{kind} at change {at}")
        bad = torn(files_of(work), before, wanted)
        assert not bad, (at, bad, said)
        note(campaign="faults", command=name, kind=kind, at=at, code=code)
        go_on(place, name, wanted, f"{kind} at change {at}: {said}")


@contextlib.contextmanager
def small_disk(folder: Path, free: int) -> Iterator[None]:
    """A file system of its own with a folder's content and so many bytes beside it."""
    used = sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={used + free}", "tmpfs", str(folder)]
        if (
            shutil.which("mount") is None
            or subprocess.run(mount, capture_output=True, check=False).returncode
        ):
            pytest.skip("needs the right to mount")
        try:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            yield
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    finally:
        shutil.rmtree(kept)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_with_too_few_bytes(place, chance, name):
    wanted, _ = place.undisturbed(WRITERS[name])
    place.renew()
    before = files_of(place.work)
    sizes = [len(content) for file, content in wanted.items() if before.get(file) != content]
    most = sum(-(-size // PAGE) for size in sizes)
    for pages in sorted(chance.sample(range(most), min(FAULTS, most))):
        place.renew()
        with small_disk(place.work, pages * PAGE):
            child = place.start(WRITERS[name])
            code, said = child.end(), child.said()
            judge(name, code, said, f"{pages} pages free")
            bad = torn(files_of(place.work), before, wanted)
            assert not bad, (pages, bad, said)
            note(campaign="faults", command=name, kind="bytes", at=pages, code=code)
            subprocess.run(["mount", "-o", "remount,size=1g", str(place.work)], check=True)
            go_on(place, name, wanted, f"{pages} pages free: {said}")


def judge(name: str, code: int, said: str, how: str) -> None:
    """One line that says what is wrong; or it is said that nothing was written, or it did no harm."""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in said, (how, said)
    if code == 0:
        assert not errors, (how, said)
    elif name == "enhance":  # a line for each picture that could not be written
        assert errors, (how, said)
    else:
        assert (code, len(errors)) == (2, 1), (how, code, said)


def go_on(place: Place, name: str, wanted: dict[str, bytes], how: str) -> None:
    """With space the same command, or that which continues it, ends as an undisturbed one."""
    child = place.start(continued(name, place.work))
    assert child.end() == 0, (how, child.said())
    found = files_of(place.work)
    if "Read-only" in how:  # nothing could be deleted, and folders of pictures are not ours to look through
        found = {file: content for file, content in found.items() if not _PICTURE.search(file)}
    bad = differences(found, wanted)
    assert not bad, (how, bad)
