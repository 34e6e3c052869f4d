"""Pictures, folders and code of users that are made to break commands."""

import json
import os
import subprocess
import sys

import pytest

from hwrts.cli.console import print_error

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line


@pytest.fixture
def broken(tmp_path):
    """Two photographs among what has a picture's name."""
    folder = make_photographs(tmp_path / "broken", 2)
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "zero.png").symlink_to(os.devnull)
    os.mkfifo(folder / "fifo.png")
    return folder


NAMED = {
    "dangling.png": "a link to nowhere.png, which is not there",
    "loop.png": "a link that leads to itself",
    "zero.png": "a device or a pipe",
    "fifo.png": "a device or a pipe",
}


@pytest.mark.parametrize("command", ["enhance", "score"])
def test_what_is_no_picture_does_not_stop_a_folder(workspace, broken, hwrts, command):
    """A link that led nowhere refused the whole folder; a pipe was left out without a word."""
    flags = ("-o", "out", "--run", "runs/tiny") if command == "enhance" else ("--workers", "1")
    result = hwrts(command, broken, *flags, "--json", "-q")
    assert result.code == 1
    found = json.loads(result.out)
    assert len(found if command == "enhance" else found["images"]) == 2
    lines = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == len(NAMED)
    for name, reason in NAMED.items():
        assert sum(f"{broken / name}: {reason}" in line for line in lines) == 1, lines


def test_a_folder_in_the_place_of_a_result_does_not_stop_the_others(workspace, hwrts):
    (workspace / "out/photo1.png").mkdir(parents=True)
    result = hwrts("enhance", "photos", "-o", "out", "--run", "runs/tiny", "--force", "-q", "--json")
    assert result.code == 1
    assert [each["out"] for each in json.loads(result.out)] == ["out/photo0.png", "out/photo2.png"]
    assert "error: out/photo1.png: is a folder" in result.err


@pytest.mark.parametrize(
    "command",
    [
        ("run", "-o", "loop"),
        ("run", "--data", "loop"),
        ("verify", "loop"),
        ("export", "loop", "-o", "x"),
        ("export", "runs/tiny", "-o", "loop"),
        ("sweep", "--budget", "params=1k", "-o", "loop"),
        ("enhance", "photos", "-o", "loop", "--run", "runs/tiny"),
        ("score", "loop"),
    ],
)
def test_a_folder_that_is_a_link_to_itself(workspace, hwrts, command):
    """Python before 3.13 raises a RuntimeError."""
    (workspace / "loop").symlink_to("loop")
    assert_one_clear_line(hwrts(*command), "loop")


def fresh(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "hwrts", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | environment,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="others don't let the current folder be deleted")
def test_a_current_folder_that_is_gone(tmp_path):
    """oneMKL ended the process with a message about libtorch."""
    (tmp_path / "gone").mkdir()
    program = "import os, sys; os.rmdir(os.getcwd()); sys.argv = ['hwrts', 'info']\n"
    program += "from hwrts.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path / "gone"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the current folder cannot be used (No such file or directory)")


def test_a_terminal_without_a_width(tmp_path):
    """Help, progress and notes came out empty."""
    assert "Usage: hwrts" in fresh("--help", cwd=tmp_path, COLUMNS="0").stdout


def test_a_long_error_keeps_its_beginning_and_its_remedy(capsys):
    print_error(f"own.py: no such layer; it has {', '.join(map(str, range(999)))}; choose one of them")
    line = capsys.readouterr().err
    assert line.startswith("error: own.py: no such layer; it has 0, 1, ")
    assert line.endswith("998; choose one of them\n")
    assert len(line) < 420


def test_a_refusal_of_several_operators_names_all(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    calls = ["softmax(x, 1)", "cumsum(x, 1)", "cumprod(x, 1)", "median(x, 1, keepdim=True)[0]"]
    calls += ["argmax(x, 1, keepdim=True)", "sort(x, 1)[0]", "matmul(x, x.transpose(2, 3))[..., :1]"]
    lines = [f"        y{i} = torch.{call}" for i, call in enumerate(calls)]
    (tmp_path / "own.py").write_text(
        "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        + "\n".join([*lines, f"        return {' + '.join(f'y{i}' for i in range(len(calls)))}\n"])
    )
    for command in (("--check",), ("-o", "out", "--data", "embedded")):
        done = hwrts("quantize", "own.py:Net", *command)
        assert done.code == 2
        line = done.err.splitlines()[-1]
        assert [call for call in calls if f"'{call.partition('(')[0]}'" not in line] == [], line


CODE = """\
import os, subprocess, sys
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 3, 1))

def loud():
    os.write(1, b"low\\n")
    print("buffered", file=sys.__stdout__)
    subprocess.run(["echo", "child"], check=True)
    return net()

class Odd(BaseException):
    pass

def odd():
    raise Odd("thing")

def closed():
    raise GeneratorExit

class Raises(nn.Module):
    def forward(self, x):
        raise GeneratorExit

def single():
    return nn.Conv2d(3, 3, 3, padding=1)

def placed():
    module = net()
    torch.set_default_device("meta")
    return module
"""


@pytest.fixture
def own(tmp_path):
    make_photographs(tmp_path / "photos")
    (tmp_path / "own.py").write_text(CODE)
    return tmp_path


ARGUMENTS = ("--data", "photos", "-o", "out", "--qat-steps", "1", "--json")


@pytest.fixture
def quantised(own, hwrts, monkeypatch):
    """The command on a function of this code, in this process, and afterwards torch where it was."""
    import torch

    monkeypatch.chdir(own)
    yield lambda function: hwrts("quantize", f"own.py:{function}", *ARGUMENTS)
    torch.set_default_device(None)


def test_what_own_code_writes_below_pythons_stdout_is_no_result(own):
    done = fresh("quantize", "own.py:loud", *ARGUMENTS, cwd=own)
    assert json.loads(done.stdout)["passed"], done.stderr
    assert {"low", "buffered", "child"} <= set(done.stderr.splitlines())


@pytest.mark.parametrize("function", ["placed", "single"])
def test_own_code_that_is_unusual(quantised, function):
    """It moves torch to another device; it is a single layer, refused as "conv2d, allowed are Conv2d"."""
    done = quantised(function)
    assert json.loads(done.out)["passed"], done.err


@pytest.mark.parametrize(
    ("function", "words"), [("odd", "Odd: thing"), ("closed", "GeneratorExit"), ("Raises", "GeneratorExit")]
)
def test_own_code_that_raises_what_is_no_exception(quantised, function, words):
    done = quantised(function)
    (line,) = done.err.splitlines()
    assert (done.code, done.out) == (2, "")
    assert line.startswith("error: own.py:")
    assert words in line
