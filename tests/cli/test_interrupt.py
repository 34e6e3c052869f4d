"""Ctrl-C and SIGTERM at any moment, in real processes: 130 or 143, and not a word of Python's."""

import signal
import subprocess
import sys
import time

import pytest

from hwrts.cli.interrupt import Interruptible, is_loading


def start(*arguments, cwd=None):
    # A session of its own: this one may ignore Ctrl-C, as background jobs of a shell do.
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=cwd, start_new_session=True,
    )  # fmt: skip


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("delay", [0.15, 0.6, 1.2, 2.4])
def test_while_libraries_load(finished, number, code, delay):
    process = start("verify", finished / "runs/tiny")
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    assert end(process, number)[0] in (code, -number)  # the latter: it had ended its work


def test_a_training_says_how_it_goes_on(tmp_path):
    process = start(
        "run", "-o", "r  1", "--channels", "4", "--first-steps", "100000", "--no-score", "--no-same-size",
        cwd=tmp_path,
    )  # fmt: skip
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


@pytest.mark.parametrize("who", SWALLOWED)
def test_whoever_swallows_the_exception(who):
    program = "import os, signal\nfrom hwrts.cli.interrupt import Interruptible\nwith Interruptible():\n"
    program += "".join(f"    {line}\n" for line in SWALLOWED[who].splitlines())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


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
