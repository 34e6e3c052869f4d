"""Folders that take the place of older ones, killed at every change that they make to the disk."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwrts.errors import NotWrittenError, RunFolderError
from hwrts.files.atomic import write_atomic
from hwrts.files.lock import writing
from hwrts.files.new_folder import is_lost, new_folder, next_to, place_of, put_in_place, settle
from hwrts.runs.folder import open_run

FILES = ("run.json", "a", "b/c")

KILLED = """
import os, signal, sys
from pathlib import Path

import hwrts.files.new_folder
from hwrts.files.lock import writing

left = [0]

def killing(call):
    def maybe(*arguments, **others):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **others)
    return maybe

target = Path(sys.argv[1])
for line in sys.stdin:  # a process of its own for each number of changes that it may make; they import once
    child = os.fork()
    if not child:
        left[0] = int(line)
        for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "open"):
            setattr(os, name, killing(getattr(os, name)))
        with writing(target), hwrts.files.new_folder.new_folder(target) as folder:
            (folder / "b").mkdir()
            for name in ("a", "b/c", "run.json"):
                (folder / name).write_text("new")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def fill(folder: Path, text: str) -> None:
    (folder / "b").mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(text)


def content(folder: Path) -> str:
    """The one text of all files; a folder of which any is missing, or another's, is none of ours."""
    texts = {(folder / name).read_text() for name in FILES}
    assert len(texts) == 1
    return texts.pop()


def below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_every_step_one_of_the_two_is_there_whole(tmp_path):
    """3 of 8 kills of run --force and 7 of 14 of export --force left neither."""
    seen, code, step, target = set(), None, 0, tmp_path / "x"
    command = [sys.executable, "-c", KILLED, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while code != 0:
            fill(target, "old")
            print(step, file=process.stdin, flush=True)
            code = int(process.stdout.readline())
            assert code in (0, -signal.SIGKILL)
            assert content(open_run(target).root) in ("old", "new")  # a reader finds it
            found = content(target)
            seen.add(found)
            with writing(target):  # and the next writer leaves nothing else
                assert content(target) == found
            assert below(tmp_path) == ["x"]
            with writing(target), new_folder(target) as folder:  # and can do what the killed one could not
                fill(folder / "x", "newer")
            shutil.rmtree(target)
            step += 1
    assert seen == {"old", "new"}
    assert step > 15


def test_an_error_in_the_block_leaves_what_was_there(tmp_path):
    target = tmp_path / "x"
    for before in ([], ["x"]):
        with pytest.raises(FileNotFoundError), new_folder(target) as folder:
            (folder / "inner" / "a").write_text("no such folder")
        assert below(tmp_path) == before
        target.mkdir(exist_ok=True)


def test_empty_folders_and_links_are_replaced(tmp_path):
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "x").symlink_to(tmp_path / "disk" / "real")
    for text in ("first", "second"):
        with new_folder(tmp_path / "x") as folder:
            for name in FILES:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)
        assert content(tmp_path / "disk" / "real") == text
        assert (tmp_path / "x").is_symlink()
        assert below(tmp_path / "disk") == ["real"]


def test_what_takes_hours_stays_until_it_is_put_in_place(tmp_path):
    target = tmp_path / "x"
    fill(target, "old")
    fill(next_to(target), "new")
    assert place_of(next_to(target)) == target == place_of(target)
    with writing(target):
        assert content(target) == "old"
        assert content(next_to(target)) == "new"
        put_in_place(next_to(target), target)
    assert content(target) == "new"
    assert below(tmp_path) == ["x"]
    target.rename(next_to(target))  # the older one was deleted by hand
    assert is_lost(target)
    settle(target)
    assert content(target) == "new"


def test_what_kills_left_of_a_replacement_goes(tmp_path):
    """A run that was to replace another and was killed while its photographs were read stayed for ever."""
    target = tmp_path / "x"
    fill(target, "older")
    (tmp_path / "..x.next.01234567.new").mkdir()
    (tmp_path / "..x.next.89abcdef.gone").mkdir()
    fill(tmp_path / "..x.next.89abcdef.old", "old")
    with writing(target):
        assert content(next_to(target)) == "old"
    assert below(tmp_path) == [".x.next", "x"]


def test_folders_of_other_names_are_left_alone(tmp_path):
    others = [".y.01234567.new", ".x.new", ".x.0123456.new", "x.01234567.new", ".x.01234567.newer"]
    for name in others:
        (tmp_path / name).mkdir()
    with writing(tmp_path / "x"), new_folder(tmp_path / "x") as folder:
        (folder / "a").write_text("")
    assert below(tmp_path) == sorted([*others, "x"])


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    there = new_folder(tmp_path / "file" / "x", "do this")
    with pytest.raises(RunFolderError, match=r"file: cannot be made \(.*\); do this"), there:
        pass


def test_an_error_within_names_the_folder_that_was_asked_for(tmp_path):
    with pytest.raises(NotWrittenError) as caught, new_folder(tmp_path / "x") as folder:
        write_atomic(folder / "no" / "file", b"")
    assert str(caught.value).startswith(f"{tmp_path / 'x' / 'no' / 'file'}: the folder")
    assert ".new" not in str(caught.value)
