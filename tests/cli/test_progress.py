"""What a log is told while work goes on, and what a run will take."""

import itertools
import json

import pytest

from hwrts.cli import console
from hwrts.cli.console import ConsoleProgress
from hwrts.config import RunConfig
from hwrts.runs import estimate
from hwrts.runs.estimate import Estimate
from hwrts.runs.folder import write_run
from hwrts.settings_file import parse_config


class Clock:
    """Time that passes by so many seconds at each step."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    monkeypatch.setattr(estimate, "time", made)
    return made


def lines_of(capfd, clock, seconds, total, first=1, quiet=False):
    with ConsoleProgress(quiet).task("training", total) as advance:
        for done in range(first, total + 1):
            clock.now += seconds
            advance(done, " 25.10 dB")
    return capfd.readouterr().err.splitlines()


def test_a_pipe_gets_a_line_each_tenth_or_half_minute(capfd, clock):
    slow = lines_of(capfd, clock, 20.0, 10)  # 200 s: each tenth
    assert slow[0] == "training: 1 of 10, 25.10 dB, 3 min left"
    assert len(slow) == 10
    assert slow[-1] == "training: 10 in 200.0 s  25.10 dB"
    long = lines_of(capfd, clock, 1.0, 1000)  # a tenth takes 100 s: every 31 s
    assert long[0] == "training: 31 of 1000, 25.10 dB, 16 min left"
    assert len(long) == 1000 // 31 + 1
    assert len(lines_of(capfd, clock, 0.1, 100)) == 2  # 10 s: a tenth is 1 s, so every 5 s
    assert lines_of(capfd, clock, 0.001, 100) == ["training: 100 in 0.1 s  25.10 dB"]
    assert lines_of(capfd, clock, 20.0, 10, quiet=True) == []


def test_what_is_continued_is_estimated_by_what_was_done_now(capfd, clock):
    assert lines_of(capfd, clock, 10.0, 100, first=91)[0].endswith("91 of 100, 25.10 dB, 90 s left")


SETTINGS = {
    "rts": {"stages": 3, "first_steps": 100, "steps": 50},
    "qat": {"steps": 20, "same_size_steps": 10},
}


def made(tmp_path, *, same_size=False, settings=SETTINGS):
    said: list[str] = []
    config: RunConfig = parse_config(settings, "test")
    run = write_run(tmp_path, config, {})
    return Estimate(run, config, 540, same_size=same_size, say=said.append), said


def finish(tmp_path, name, **seconds):
    folder = tmp_path / f"stage{name}"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"stage": name, "seconds": seconds}))
    (folder / "verify.json").write_text("{}")


def test_the_first_steps_say_what_the_whole_run_takes(tmp_path, clock):
    told, said = made(tmp_path)
    for done in range(1, 101):
        clock.now += 100.0 if done == 1 else 2.0
        told.after_step(done, 100)
    # 2 s a step: (100 or 50) of training + 20 + 2.5 * (10 + 20) + 1 + 40 + 40
    each = "stage 1 9 min, stage 2 8 min, stage 3 8 min"
    assert said == [f"time left: at the pace of the first steps, about 24 min ({each})"]


def test_a_finished_stage_says_what_the_others_take(tmp_path, clock):
    told, said = made(tmp_path, same_size=True)
    finish(tmp_path, "1", train=200, targets=10, qat=80, export=1, measure=9, verify=20)
    finish(tmp_path, "1-w4a8", train=0, qat=9999, export=1, measure=9, verify=20)  # a variant, not of the run
    finish(tmp_path, "1-same", qat=30, export=1, measure=4, verify=5)
    for _ in range(2):
        told.after_stage()
    assert said == ["time left: about 9 min (stage 2 4 min, stage 3 4 min)"]  # 50 * 2 + 120 + 40 each
    for name in ("2", "2-same", "3", "3-same"):
        finish(tmp_path, name, train=100, qat=80)
    told.after_stage()
    assert len(said) == 1  # nothing is left


def test_auto_stages_are_at_most_so_many(tmp_path, clock):
    told, said = made(tmp_path, settings={"rts": {"stages": "auto", "max_stages": 2}})
    for done in itertools.count(1):
        clock.now += 1
        told.after_step(done, 1000)
        if said:
            break
    assert done == 6
    assert "at most about" in said[0]
