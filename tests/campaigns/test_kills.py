"""Commands that are killed again and again, and continued until they end: the bytes of an undisturbed one."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from .children import COMMANDS, WRITERS, Child
from .faults import killed_at
from .left import differences, files_of, torn
from .notes import note

KILLS = int(os.environ.get("HWRTS_KILLS", "12"))
"""Of each command; ``make slow`` tries these few, a campaign 150."""

MOST = 12
"""Kills of one command before it may end: the rest of each case is in front of the finish."""

SIGNALS = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130, -2)}
"""What each ends with; the negative ones before the command has taken the signals, and after it has ended."""


def continued(name: str, work: Path) -> tuple[str, ...]:
    """The command that goes on with what a kill left."""
    if name.startswith("run"):  # as make run does
        root = Path(WRITERS[name][WRITERS[name].index("-o") + 1])
        begun = work / (root.parent / f".{root.name}.next" if "--force" in name else root) / "run.json"
        if begun.is_file():
            return ("run", "--resume", str(root), "-q")
    return WRITERS[name]


def kill_after(child: Child, cpu_seconds: float, more: float, number: int) -> None:
    """A signal when the process has computed for so long, whatever else this machine has to do."""
    state = Path(f"/proc/{child.process.pid}/schedstat")
    while child.process.exitcode is None:
        try:
            spent = int(state.read_text().split()[0]) / 1e9
        except (OSError, IndexError):
            break
        if spent >= cpu_seconds:
            time.sleep(more)
            break
        time.sleep(0.002)
    child.kill(number)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how long a process has computed")
@pytest.mark.parametrize("name", COMMANDS)
def test_kills(place, chance, name):
    wanted, changes = place.undisturbed(COMMANDS[name])
    kills, cases = 0, 0
    while kills < KILLS:
        cases += 1
        begin = chance.getstate()
        kills += one_case(place, chance, name, wanted, changes, min(MOST, KILLS - kills))
        assert kills or cases < 20, f"nothing was killed, {begin[1][:2]}"


def one_case(place, chance: random.Random, name, wanted, changes, most) -> int:
    """Kill a command until it ends by itself; how often that was."""
    work, kills = place.renew(), 0
    before = files_of(work)
    done = []
    for _ in range(most):
        number = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if chance.random() < 0.5:
            at = chance.randrange(max(2, changes // 4))
            by = f"change {at}"
            child = place.start(continued(name, work), killed_at, work, at, number)
        else:
            seconds = chance.expovariate(1 / 0.3)
            by = f"{seconds:.3f} s"
            child = place.start(continued(name, work))
            kill_after(child, seconds, chance.uniform(0, 0.02), number)
        code = child.end()
        said = child.said()
        done.append(f"{signal.Signals(number).name} at {by}: {code}")
        assert "Traceback" not in said, (done, said)
        if code == 0:  # it had ended before
            break
        if not child.begun:
            continue
        assert code in SIGNALS[number], (done, said)
        kills += 1
        note(campaign="kills", command=name, signal=number, by=by, code=code)
        bad = torn(files_of(work), before, wanted)
        assert not bad, (done, bad)
    else:
        child = place.start(continued(name, work))
        assert child.end() == 0, (done, child.said())
    bad = differences(files_of(work), wanted)
    assert not bad, (done, bad)
    note(campaign="kills", command=name, continued=True)
    return kills
