"""When an automatic run stops: the rule is fed with measures, and one run is real."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from hwrts.data import open_store
from hwrts.errors import HwrtsError, RunFolderError
from hwrts.files.read import read_json
from hwrts.metrics.viqet import score
from hwrts.runs import pipeline
from hwrts.runs.folder import RunFolder, create_run, write_json
from hwrts.runs.pipeline import run_stages, stage_changes, stage_scores
from hwrts.runs.session import Session
from hwrts.settings_file import parse_config
from hwrts.training.device import Device

from .tiny import TINY, Lines, photographs, start


@pytest.fixture
def fed(tmp_path, monkeypatch):
    """Makes a run whose trainings are these measures: the run, what was said, the stages made."""

    def run(name: str, values: list[float], **rts: object) -> tuple[RunFolder, list[str], list[int]]:
        settings = {**TINY["rts"], "stages": "auto", "max_stages": 4, **rts}
        config = parse_config({**TINY, "rts": settings}, "test")
        made, lines = create_run(tmp_path / "run", config, {}, force=False), Lines()
        numbers: list[int] = []

        def measure(session: Session, number: int) -> None:
            numbers.append(number)
            stage = session.run.stage(number)
            stage.root.mkdir(exist_ok=True)
            write_json(stage.metrics, {"stage": stage.name, name: values[number - 1]})

        monkeypatch.setattr(pipeline, "run_stage", measure)
        unused = cast(Any, None)  # of what only trainings read
        plan = cast(Any, SimpleNamespace(crops=[None]))  # of which the estimate of time wants their number
        session = Session(made, config, Device("cpu", False, "test"), unused, unused, plan, lines)
        best = run_stages(session)
        assert (made.notes()["status"], made.notes()["best_stage"]) == ("finished", best)
        return made, lines.said, numbers

    return run


RATIO, SCORE = "difference_float_percent", "mos_raw_float"


@pytest.mark.parametrize(
    ("values", "stages", "best"),
    [
        ([0.95, 1.35, 1.47, 1.48], 4, 4),  # the paper's first four: the change shrinks
        ([0.95, 1.35, 1.80, 9.0], 3, 2),
        ([0.95, 2.00, 9.0, 9.0], 2, 1),
        ([0.50, 1.00, 1.50, 2.00], 4, 4),  # equal is not grown
        ([0.50, 0.70, 0.40, 9.0], 3, 2),  # a change is a size, whatever its sign
    ],
)
def test_a_change_that_grows_again_stops_the_run(fed, values, stages, best):
    made, said, numbers = fed(RATIO, values)
    assert numbers == list(range(1, stages + 1))
    assert made.notes()["best_stage"] == best
    line = f"the change grew again after stage {best}: stopping, stage {best} is kept"
    assert said == ([line] if best < stages else [])
    assert stage_changes(made, 2) == [values[0], values[1] - values[0]]


@pytest.mark.parametrize(
    ("values", "stages", "best"),
    [
        ([3.96, 4.03, 4.06, 4.07], 4, 4),
        ([3.96, 4.03, 4.02, 9.0], 3, 2),
        ([3.96, 3.90, 9.0, 9.0], 2, 1),
        ([3.96, 3.96, 9.0, 9.0], 2, 1),  # a stage that gains nothing is not kept
    ],
)
def test_a_score_that_falls_stops_the_run(fed, values, stages, best):
    made, said, numbers = fed(SCORE, values, stop="score")
    assert numbers == list(range(1, stages + 1))
    assert made.notes()["best_stage"] == best
    line = f"the score fell after stage {best}: stopping, stage {best} is kept"
    assert said == ([line] if best < stages else [])


def test_a_number_of_stages_is_a_number_of_stages(fed):
    made, said, numbers = fed(RATIO, [0.95, 2.0, 9.0], stages=3)
    assert (numbers, made.notes()["best_stage"], said) == ([1, 2, 3], 3, [])


def test_measures_without_what_the_rule_reads_are_refused(fed):
    with pytest.raises(RunFolderError, match="damaged, difference_float_percent is missing"):
        fed(SCORE, [4.0])


def test_no_score_to_stop_by_is_said(fed):
    with pytest.raises(HwrtsError, match=r"rts\.stop = score: no photograph to validate can be scored"):
        fed(RATIO, [0.95], stop="score")


@pytest.fixture
def scored_once(monkeypatch):
    """VIQET's score, which takes seconds, but once for each picture."""
    kept = {}

    def score_of(picture):
        key = (picture.shape, np.asarray(picture).tobytes())
        if key not in kept:
            kept[key] = score(picture)
        return kept[key]

    monkeypatch.setattr("hwrts.runs.evaluate.score", score_of)
    return score_of


@pytest.mark.usefixtures("small_verdict")
def test_automatic_runs_can_stop_by_the_score(tmp_path, scored_once):
    """Every stage's score is VIQET's of the targets on disk, and the run keeps the stage before it falls."""
    auto = {**TINY["rts"], "stages": "auto", "max_stages": 2, "stop": "score", "steps": 1}
    plain = {"steps": 0, "same_size": False}
    lines = Lines()
    made = start(tmp_path / "auto", photographs(tmp_path / "photos"), lines, rts=auto, qat=plain)
    scores = stage_scores(made, 2)
    store = open_store(made.root / "data" / "val")
    for number, found in enumerate(scores, 1):
        assert found == pytest.approx(scored_once(store.array(0, f"target{number}")).mos_raw, abs=1e-9)
    measures = read_json(made.stage(1).metrics)
    assert measures["mos_raw_hr0"] == pytest.approx(scored_once(store.array(0, "hr")).mos_raw, abs=1e-9)
    fell = scores[1] <= scores[0]
    assert made.notes()["best_stage"] == (1 if fell else 2)
    assert any("the score fell after stage 1" in line for line in lines.said) == fell
