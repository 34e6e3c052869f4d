"""The limits of the campaigns themselves: what hangs is found, and what waits for others is let be."""

import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from . import spent
from .bounds import Hangs, in_seconds

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")


def compute() -> None:
    while True:
        pass


@pytest.mark.parametrize("hang", [compute, lambda: time.sleep(60), lambda: threading.Event().wait(60)])
def test_a_hang_is_stopped(hang):
    with pytest.raises(Hangs), in_seconds(0.3):
        hang()


def test_what_waits_for_a_core_does_not_hang(monkeypatch):
    """Others are ten minutes ahead: the clock says so, the process was ready to compute all the time."""
    late = 0.0
    files = {"stat": "1 (a b) R " + "0 " * 10 + "7 3 0 0", "schedstat": "100000000 {ready:.0f} 5"}

    class File:
        def __init__(self, name: str) -> None:
            self.name = name.rpartition("/")[2]

        def read_text(self) -> str:
            return files[self.name].format(ready=late * 1e9)

    monkeypatch.setattr(spent, "Path", File)
    monkeypatch.setattr(spent, "time", SimpleNamespace(monotonic=lambda: 1000.0 + late))
    process = spent.Spent(1)
    late = 600.0
    assert (process.computing(), process.asleep()) == (0.0, 0.0)


def test_the_limit_of_pytest_still_counts():
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    with in_seconds(0.3):
        pass
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == (before > 0)
