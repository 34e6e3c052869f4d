"""One writer at a time in a folder."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hwrts.errors import NotWrittenError, RunFolderError
from hwrts.files.lock import writing

HOLD = """
import sys
from pathlib import Path
from hwrts.files.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Another process that is writing to a folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "x")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_second_one_is_told_who_is_writing(tmp_path, hold):
    (tmp_path / "link").symlink_to(tmp_path / "x")
    for name in ("x", "link"):
        with pytest.raises(RunFolderError) as caught, writing(tmp_path / name):
            pass
        message = str(caught.value)
        assert f"process {hold.pid} (" in message
        assert "since 2" in message
        assert message.endswith("is writing to it; wait until it has ended, or use another folder")
    with writing(tmp_path / "y"):  # another folder is free
        pass


def test_a_module_is_called_by_the_name_of_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/site-packages/hwrts/__main__.py", "run", "--name", "x"])
    with writing(tmp_path / "x"):
        assert json.loads((tmp_path / ".x.lock").read_text())["command"] == "hwrts run --name x"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_one_keeps_nothing(tmp_path, hold):
    hold.send_signal(signal.SIGKILL)
    hold.wait()
    with writing(tmp_path / "x"):
        assert json.loads((tmp_path / ".x.lock").read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())  # nor a lock that nobody holds


COUNT = """
import sys
from pathlib import Path
from hwrts.files.lock import writing
counter = Path(sys.argv[1])
for _ in range(50):
    with writing(counter.with_name("x"), wait=True):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_a_lock_that_is_deleted_still_lets_one_at_a_time(tmp_path):
    (tmp_path / "n").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "n")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["n"]
    assert (tmp_path / "n").read_text() == "200"


def test_waiting_for_the_other_one(tmp_path, hold):
    timer = threading.Timer(0.5, hold.stdin.close)
    timer.start()
    with writing(tmp_path / "x", wait=True):
        assert hold.wait(timeout=60) == 0
    timer.join()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "\\u001b[2J"}', '{"pid": 1}', "\0"])
def test_whatever_the_file_says(tmp_path, hold, content):
    (tmp_path / ".x.lock").write_text(content)
    with pytest.raises(RunFolderError, match="another process is writing to it"), writing(tmp_path / "x"):
        pass


def test_an_error_releases_it(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), writing(tmp_path / "x"):
            raise KeyError


def test_places_that_cannot_be_locked(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "x").mkdir()
    (tmp_path / ".x.lock").mkdir()
    with (
        pytest.raises(RunFolderError, match=r"cannot be made .*choose a place"),
        writing(tmp_path / "file/x"),
    ):
        pass
    with pytest.raises(RunFolderError, match=r"\.x\.lock: cannot be locked"), writing(tmp_path / "x"):
        pass
    with pytest.raises(RunFolderError, match="is the root of everything"), writing(Path("/")):
        pass


def test_a_folder_that_only_seems_to_be_writable(tmp_path, monkeypatch):
    """On a server that overrules the permissions it was an AssertionError."""

    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("hwrts.files.lock.FileLock", refused)
    with pytest.raises(NotWrittenError, match="is read-only; copy it"), writing(tmp_path):
        pass
    with writing(tmp_path, may_be_read_only=True):
        pass


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop this user"
)
def test_folders_in_one_that_may_not_be_written_to(tmp_path):
    parent = tmp_path / "parent"
    for name, mode in (("own", 0o755), ("other", 0o555)):
        (parent / name).mkdir(parents=True)
        (parent / name).chmod(mode)
    (parent / ".other.lock").touch(0o444)
    parent.chmod(0o555)
    try:
        with writing(parent / "own"):
            assert [path.name for path in (parent / "own").iterdir()] == [".lock"]
        with pytest.raises(NotWrittenError, match="other: is read-only; copy it"), writing(parent / "other"):
            pass
        with writing(parent / "other", may_be_read_only=True):
            pass
        with pytest.raises(RunFolderError, match="new: cannot be made"), writing(parent / "new"):
            pass
    finally:
        parent.chmod(0o755)
