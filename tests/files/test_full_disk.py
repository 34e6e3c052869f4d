"""Real small file systems that run out of bytes or of names: the message says which, and of what file."""

import contextlib
import errno
import shutil
import subprocess

import pytest

from hwrts.config import RunConfig
from hwrts.errors import DataError, NotWrittenError
from hwrts.files.atomic import atomic_file, write_atomic, writing_to
from hwrts.runs.folder import create_run


@pytest.fixture
def disk(tmp_path):
    """Mounts a file system of a size and a number of inodes."""
    mounted = []

    def make(options):
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if (
            shutil.which("mount") is None
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            pytest.skip("needs the right to mount")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fill_names(folder):
    with contextlib.suppress(OSError):
        for i in range(1000):
            (folder / f"name{i}").touch()


def fill_bytes(folder):
    with contextlib.suppress(OSError), (folder / "large").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def append_much(run):
    for step in range(1000):
        run.append_metric(stage="1", phase="float", step=step, loss=0.1, text="x" * 1000)


def test_no_inodes_is_not_no_bytes(disk):
    folder = disk("size=8m,nr_inodes=30")
    write_atomic(folder / "old", b"old")
    fill_names(folder)
    for write in (
        lambda: write_atomic(folder / "run.json", b"x" * 19),
        lambda: write_atomic(folder / "old", b"n"),
    ):
        with pytest.raises(NotWrittenError, match=r"disk full, all its 30 inodes are taken.*delete some"):
            write()
    with (
        pytest.raises(DataError, match=r"disk/picture.png: disk full, all its 30 inodes"),
        atomic_file(folder / "picture.png"),
    ):
        pass
    assert (folder / "old").read_bytes() == b"old"


def test_a_full_disk_names_the_file_and_both_numbers(disk):
    folder = disk("size=1m")
    run = create_run(folder / "run", RunConfig(), {"command": "test", "status": "created"}, force=False)
    fill_bytes(folder)
    with pytest.raises(NotWrittenError, match=r"run/big: disk full, 70,000 bytes are needed and 0 are free"):
        write_atomic(folder / "run/big", bytes(70_000))
    with pytest.raises(NotWrittenError, match=r"run/metrics.jsonl: disk full, more bytes than that are"):
        append_much(run)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "quota of this disk is used up"),
        (errno.ENOSPC, "disk full"),
        (errno.EROFS, "can't be written"),
        (errno.EIO, "can't be written"),
        (errno.ENAMETOOLONG, "too long"),
    ],
)
def test_every_reason_names_the_file(tmp_path, number, words):
    with pytest.raises(NotWrittenError) as caught, writing_to(tmp_path / "metrics.jsonl"):
        raise OSError(number, "what the system says")
    assert str(caught.value).startswith(f"{tmp_path / 'metrics.jsonl'}: ")
    assert words in str(caught.value)
    assert "Errno" not in str(caught.value)
