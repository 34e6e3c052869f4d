"""Ctrl-C and SIGTERM at any moment, in real processes: 130 or 143, and not a word of Python's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hwrts.cli.interrupt import Interruptible, is_loading

from .conftest import make_photographs


def start(*arguments, cwd=None, **environment):
    # A session of its own: this one may ignore Ctrl-C, as background jobs of a shell do.
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        start_new_session=True,
        env=os.environ | environment,
    )


PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from hwrts.cli import main
print("ready", flush=True)
main()
"""


def end(process, number):
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    assert "ignored" not in err, err
    return process.returncode, err


@pytest.mark.in_turns
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("delay", [0.15, 0.6, 1.2, 2.4])
def test_while_libraries_load(finished, number, code, delay):
    process = start("verify", finished / "runs/tiny")
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    assert end(process, number)[0] in (code, -number)  # the latter: it had ended its work


def test_a_training_says_how_it_goes_on(tmp_path):
    make_photographs(tmp_path / "photos")
    process = start(
        "run",
        "--data",
        "photos",
        "--patch",
        "32",
        "-o",
        "r  1",
        "--channels",
        "4",
        "--first-steps",
        "100000",
        "--no-score",
        "--no-same-size",
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 240
    while not (tmp_path / "r  1/metrics.jsonl").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    code, err = end(process, signal.SIGTERM)
    assert code == 143
    assert "interrupted; continue with: hwrts run --resume 'r  1'\n" in err


SWALLOWED = {
    "an import": """
import importlib.abc, importlib.util
class Loader(importlib.abc.Loader):
    def exec_module(self, module):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000): pass
        except BaseException:
            raise ImportError from None
spec = importlib.util.spec_from_loader("slow", Loader())
try:
    importlib._bootstrap._load(spec)
except ImportError:
    pass
""",
    "a finaliser": """
class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass
held = Held()
del held
""",
    "a bare except": """
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass
except:
    pass
""",
}


def program_of(who, head, tail=""):
    return head + "".join(f"    {line}\n" for line in SWALLOWED[who].splitlines()) + tail


@pytest.mark.parametrize("who", SWALLOWED)
def test_whoever_swallows_the_exception(who):
    program = program_of(
        who, "import os, signal\nfrom hwrts.cli.interrupt import Interruptible\nwith Interruptible():\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("who", SWALLOWED)
def test_last_words_are_said_by_whoever_swallows_the_exception(who):
    head = (
        "import os, signal, sys\nfrom hwrts.cli.interrupt import Interruptible, LastWords\n"
        "with Interruptible(), LastWords('go\x1b on'):\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program_of(who, head)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "go\\x1b on\n")


@pytest.mark.parametrize(
    ("replaced", "command", "words"),
    [
        (
            "hwrts.api.train.finish_run",
            "run -o r --data photos",
            "continue with: hwrts run --resume r",
        ),
        ("hwrts.sweep.runner.Sweep.run", "sweep -o s --budget params=9k", "the same command continues"),
        ("hwrts.reproduce.reproduction.reproduce", "reproduce fig4 --data .", "the same command continues"),
    ],
)
def test_how_it_goes_on_is_said_while_a_library_loads(tmp_path, replaced, command, words):
    """Optimisers and exporters load some at their first use: half of the signals in a run left no word."""
    make_photographs(tmp_path / "photos", size=(132, 128))
    module, _, name = replaced.rpartition(".")
    program = program_of(
        "an import",
        "import os, pkgutil, signal, sys\n\ndef met(*_, **__):\n",
        f"setattr(pkgutil.resolve_name({module!r}), {name!r}, met)\n"
        f"sys.argv = ['hwrts', *{command.split()}]\nfrom hwrts.cli import main\nmain()\n",
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, f"interrupted; {words}")


SCORING = """
import os, time
from hwrts.metrics.viqet import files
def _score_or_error(path, most):
    os.write(1, b"working\\n")  # at once: two processes print
    time.sleep(300)
files._score_or_error = _score_or_error
"""


def test_an_interrupted_score_does_not_wait_for_its_pictures(tmp_path):
    """It waited for those that the processes had, which may take minutes each."""
    (tmp_path / "sitecustomize.py").write_text(SCORING)
    for name in "ab":
        (tmp_path / f"{name}.png").touch()
    process = start("score", tmp_path, "--workers", "2", PYTHONPATH=str(tmp_path))
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "working\n"]
    begin = time.monotonic()
    assert end(process, signal.SIGTERM)[0] == 143
    assert time.monotonic() - begin < 60


def test_who_ignores_ctrl_c_goes_on_ignoring_it():
    program = (
        "import os, signal\nfrom hwrts.cli.interrupt import Interruptible\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with Interruptible():\n    os.kill(os.getpid(), signal.SIGINT)\nprint('whole')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


def test_the_handlers_of_a_caller_come_back():
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)], sys.unraisablehook
    with pytest.raises(SystemExit) as exit_, Interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert exit_.value.code == 143
    after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)], sys.unraisablehook
    assert before == after
    assert not is_loading(sys._getframe())
