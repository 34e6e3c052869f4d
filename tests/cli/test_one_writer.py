"""Commands that meet another one in the same folder, or are killed while they replace one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import TINY

HOLD = """
import sys
from pathlib import Path
from hwrts.files.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

KILLED = """
import os, signal, sys

name, left, replaced = sys.argv[1], int(sys.argv[2]), sys.argv[3]
call = getattr(os, name)

def killing(path, *arguments, **others):
    global left
    if replaced in str(path) or "dir_fd" in others:  # the photographs of a run are made of many renames
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return call(path, *arguments, **others)

setattr(os, name, killing)
sys.path.append(sys.argv[4])
sys.argv = ["hwrts", *sys.argv[5:]]
import pytest
from tests.conftest import few_pictures
few_pictures(pytest.MonkeyPatch())  # as in the process of the test: the verdict is not what is tested
from hwrts.cli import main
main()
"""

MODULE = "from torch import nn\n\ndef build():\n    return nn.Conv2d(3, 3, 3, padding=1)\n"

WRITERS = {
    "new run": ("run", "--data", "photos", "--name", "tiny"),
    "run --force": ("run", "--data", "photos", "--name", "tiny", "--force"),
    "run --output": ("run", "--data", "photos", "-o", "runs/tiny", "--force"),
    "resume": ("run", "--resume", "runs/tiny"),
    "quantize": ("quantize", "runs/tiny", "--weight-bits", "4"),
    "quantize an own module": ("quantize", "own.py:build", "-o", "runs/tiny", "--force"),
    "verify": ("verify", "runs/tiny"),
    "sensitivity": ("sensitivity", "runs/tiny", "--bits", "4"),
    "export": ("export", "runs/other", "-o", "runs/tiny", "--force"),
    "reproduce": ("reproduce", "table2", "--data", "photos", "-o", "runs/tiny"),
    "sweep": ("sweep", "--budget", "params=1k", "--data", "photos", "-o", "runs/tiny"),
}
READERS = {
    "enhance": ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/tiny"),
    "export": ("export", "runs/tiny", "-o", "out"),
    "inspect": ("inspect", "runs/tiny"),
    "cost": ("cost", "runs/tiny"),
    "verify a layer": ("verify", "runs/tiny", "--stage", "1", "--layer", "conv_out", "--stimulus", "ramp"),
}


@pytest.fixture
def holder(workspace):
    """Another process that is writing to runs/tiny."""
    (workspace / "own.py").write_text(MODULE)
    (workspace / "runs/other").symlink_to("tiny")
    command = [sys.executable, "-c", HOLD, "runs/tiny"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def killed(call, count, replaced, command):
    """Exit code of a command that is killed at a call of ``os`` about what it replaces, counted from 0."""
    root = Path(__file__).parents[2]
    script = [sys.executable, "-c", KILLED, call, str(count), replaced, str(root), *map(str, command)]
    return subprocess.run(script, check=False).returncode


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_second_writer_is_refused_and_changes_nothing(workspace, hwrts, holder):
    """Two resumes at once mixed their files; two new runs of a name deleted each other's folders."""
    before = state(workspace / "runs/tiny")
    for what, arguments in WRITERS.items():
        refused = hwrts(*arguments)
        assert (refused.code, refused.out) == (2, ""), what
        lines = [line for line in refused.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, (what, refused.err)
        assert f"runs/tiny: process {holder.pid} (" in lines[0], what
        assert "is writing to it; wait until it has ended" in lines[0], what
    assert state(workspace / "runs/tiny") == before


def test_readers_are_free(workspace, hwrts, holder):
    for what, arguments in READERS.items():
        result = hwrts(*arguments)
        assert result.code == 0, (what, result.err)


@pytest.mark.usually(count=0)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(("call", "count"), [("rename", 0), ("rename", 1), ("rename", 2), ("unlink", 0)])
def test_a_killed_export_leaves_a_whole_hand_over(workspace, hwrts, call, count):
    """7 of 14 kills left a folder without network.json, which the same command then refused."""
    again = ("export", "runs/tiny", "--stage", "2", "-o", "out", "--force")
    assert hwrts("export", "runs/tiny", "--stage", "1", "-o", "out").code == 0
    assert killed(call, count, "out", again) == -signal.SIGKILL
    assert hwrts(*again).code == 0
    assert json.loads(Path("out/manifest.json").read_text())["source"]["stage"] == "2"
    assert not list(workspace.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_run_that_replaces_another(workspace, hwrts):
    """3 of 8 kills left neither the old run nor the new one."""
    run = workspace / "runs/tiny"
    old = (run / "stage1/network.npz").read_bytes()
    settings = ["run", "--data", "photos", "-q", *TINY, "--no-same-size", "--seed", "5"]
    command = [*settings, "--name", "tiny", "--force"]
    assert killed("replace", 3, "/.tiny.next/", command) == -signal.SIGKILL  # in training
    assert (workspace / "runs/.tiny.next").is_dir()
    assert (run / "stage1/network.npz").read_bytes() == old
    assert hwrts("inspect", "runs/tiny").code == 0
    resume = ["run", "--resume", "runs/tiny"]
    assert killed("rename", 1, "tiny", resume) == -signal.SIGKILL  # between the two renames
    assert not run.exists()
    assert hwrts("inspect", "runs/tiny").code == 0  # whoever comes next finds the old one
    assert (run / "stage1/network.npz").read_bytes() == old
    done = hwrts(*resume)
    assert done.code == 0
    assert "runs/tiny is an older run" in done.err
    new = (run / "stage1/network.npz").read_bytes()
    assert new != old
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert not list((workspace / "runs").glob(".*"))
    assert ".tiny.next" not in (run / "report.html").read_text("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_quantisation_that_replaces_another(workspace, hwrts):
    command = ("quantize", "runs/tiny", "--stage", "1", "--weight-bits", "4", "--qat-steps", "0", "-q")
    folder = workspace / "runs/tiny/stage1-w4a8s0"
    assert hwrts(*command).code == 0
    old = state(folder)
    assert killed("rename", 1, "stage1-w4a8s0", [*command, "--force"]) == -signal.SIGKILL
    assert not folder.exists()
    assert hwrts("inspect", "runs/tiny", "--stage", "1-w4a8s0").code == 0
    assert state(folder) == old
    assert hwrts(*command, "--force").code == 0
    assert state(folder) != old
    assert not list((workspace / "runs/tiny").glob(".stage*"))


def test_resume_deletes_what_kills_left_and_refuses_edited_settings(workspace, hwrts):
    run = workspace / "runs/tiny"
    left = [run / ".run.json.01234567.tmp", run / "stage1" / ".network.npz.89abcdef.tmp"]
    kept = [run / ".mine.tmp", run / "stage1" / "notes.tmp"]
    for path in left + kept:
        path.write_text("")
    assert hwrts("run", "--resume", "runs/tiny", "-q").code == 0
    assert [path.exists() for path in left + kept] == [False, False, True, True]
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace('device = "auto"', 'device = "cpu"') + "# a remark\n")
    assert hwrts("run", "--resume", "runs/tiny", "-q").code == 0  # it may go on elsewhere
    (run / "config.toml").write_text(config.replace("blur = 0.0", "blur = 0.5"))
    for command in (("run", "--resume", "runs/tiny"), ("quantize", "runs/tiny", "--weight-bits", "5")):
        refused = hwrts(*command)
        assert refused.code == 2
        assert "runs/tiny/config.toml: was edited after the run was made; put the old" in refused.err
    notes = json.loads((run / "run.json").read_text())
    del notes["settings_sha256"]  # of a run from before
    (run / "run.json").write_text(json.dumps(notes))
    assert hwrts("run", "--resume", "runs/tiny", "-q").code == 0
