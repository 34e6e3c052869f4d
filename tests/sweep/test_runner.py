"""The course of a sweep with made-up trials: what is asked for, told, promoted, and never done twice."""

import json
from concurrent.futures import Future

import pytest

from hwrts.errors import ConfigError, DataError, HwrtsError, RunFolderError
from hwrts.progress import Silent
from hwrts.runfolder import write_json
from hwrts.sweep import results
from hwrts.sweep.folder import finished
from hwrts.sweep.page import write_page
from hwrts.sweep.runner import Sweep
from hwrts.sweep.spec import parse_spec
from hwrts.sweep.trial import RESULT
from hwrts.sweep.workers import Workers

NAN = HwrtsError("training: the loss is nan")

AXES = {"network.blocks": [0, 1, 2], "network.channels": [4, 8]}


class Trainer:
    """Runs trials at once: the quality is made up of the settings, and trial.json is written as a trial's."""

    def __init__(self, *, stop_after=None, broken=(), failing=(), error=NAN):
        self.done, self.stop_after, self.error = [], stop_after, error
        self.broken, self.failing = broken, failing

    def submit(self, task):
        network = task.settings["network"]
        if self.stop_after is not None and len(self.done) >= self.stop_after:
            raise KeyboardInterrupt
        future = Future()
        if (network["blocks"], network["channels"]) in self.broken:
            future.set_exception(self.error)
            return future
        self.done.append((task.key, task.rung))
        document = {
            "key": task.key, "rung": task.rung, "stage": "1", "quality": task.quality, "seconds": 2.0,
            "quality_float": 30.0 + network["blocks"] + network["channels"] / 100 + task.rung,
            "quality_int8": 29.9 + network["blocks"] + network["channels"] / 100 + task.rung,
            "passed": (network["blocks"], network["channels"]) not in self.failing,
            "compared": 1000, "mismatches": 0,
        }  # fmt: skip
        task.folder.mkdir(parents=True, exist_ok=True)
        write_json(task.folder / RESULT, document)
        future.set_result(document)
        return future

    def run(self, root, document=None, count=1):
        sweep = Sweep(root, parse_spec({"axes": AXES, "halving": {"factor": 3}, **(document or {})}, "test"))
        sweep.run(Workers(count, self.submit), Silent())
        return sweep


def settings_of(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize("count", [1, 3])
def test_a_grid_is_tried_whole_and_a_third_goes_on(tmp_path, count):
    trainer = Trainer()
    trainer.run(tmp_path / "s", count=count)
    assert [rung for _, rung in trainer.done] == [0] * 6 + [1] * 2
    assert len(set(trainer.done)) == 8
    rows = results.read_rows(tmp_path / "s")
    final = results.results_of(rows)
    assert settings_of(final, "network.blocks", "network.channels") == [(0, 4), (2, 8)]  # ends of the front
    assert [row["seconds"] for row in final] == [4.0, 4.0]
    assert results.best(rows)["network.blocks"] == 2


def test_what_is_over_budget_is_never_trained(tmp_path):
    trainer = Trainer()
    sweep = trainer.run(tmp_path / "s", {"budget": {"at_most": {"params": 1500}}})
    rows = results.read_rows(tmp_path / "s")
    # Weights of the x2 form: 27 c + 9 c^2 N + 27 c + 2 * 324; with 8 channels 1,080 + 576 N.
    assert sweep.over == 2
    assert all(row["params"] <= 1500 for row in rows)
    assert {key for key, _ in trainer.done} == {row["key"] for row in rows}
    assert len(rows) == 4


@pytest.mark.parametrize("method", ["grid", "nsga2", "tpe"])
@pytest.mark.parametrize("stop_after", [0, 1, 4, 7])
def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path, method, stop_after):
    document = {"search": {"method": method, "trials": 12}}
    whole = Trainer()
    whole.run(tmp_path / "whole", document)
    first, second = Trainer(stop_after=stop_after), Trainer()
    try:
        first.run(tmp_path / "s", document)
    except KeyboardInterrupt:
        second.run(tmp_path / "s", document)
    assert not set(first.done) & set(second.done)  # nothing finished is repeated
    if method == "grid":  # a sampler's choice may depend on when it was asked
        assert first.done + second.done == whole.done
        assert [row["key"] for row in results.read_rows(tmp_path / "s")] == [
            row["key"] for row in results.read_rows(tmp_path / "whole")
        ]


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_samplers_keep_to_the_budget(tmp_path, method):
    trainer = Trainer()
    document = {
        "axes": {"network.blocks": [0, 1, 2, 3], "network.channels": [4, 8, 12, 16, 24]},
        "search": {"method": method, "trials": 30}, "budget": {"at_most": {"params": 4000}},
    }  # fmt: skip
    sweep = trainer.run(tmp_path / "s", document)
    rows = results.read_rows(tmp_path / "s")
    assert rows
    assert max(row["params"] for row in rows) <= 4000
    assert sweep.study.asked == 30
    assert sweep.over > 0


def test_a_trial_that_fails_costs_itself_alone(tmp_path):
    trainer = Trainer(broken={(1, 4)})
    sweep = trainer.run(tmp_path / "s")
    assert list(sweep.failed.values()) == ["training: the loss is nan"]
    rows = results.read_rows(tmp_path / "s")
    assert [row["rung"] for row in rows].count(-1) == 1
    assert len(results.results_of(rows)) == 2
    mended = Trainer()
    assert not mended.run(tmp_path / "s").failed  # the same sweep tries it again, and nothing else
    assert mended.done[0] == (next(row["key"] for row in rows if row["rung"] == -1), 0)


@pytest.mark.parametrize("error", [DataError("disk full"), RunFolderError("disk full"), OSError("disk full")])
def test_what_every_trial_would_meet_ends_the_sweep(tmp_path, error):
    trainer = Trainer(broken={(0, 4)}, error=error)
    with pytest.raises(type(error), match="disk full"):
        trainer.run(tmp_path / "s")
    assert not Trainer().run(tmp_path / "s").failed


def test_a_budget_that_nothing_meets(tmp_path):
    with pytest.raises(ConfigError, match="nothing is within the budget, the nearest has params 895;"):
        Trainer().run(tmp_path / "s", {"budget": {"at_most": {"params": 30, "line_kib": 1e6}}})


def test_what_fails_the_comparison_is_no_result(tmp_path):
    trainer = Trainer(failing={(2, 8)})
    trainer.run(tmp_path / "s")
    rows = results.read_rows(tmp_path / "s")
    failed = [row for row in rows if row["passed"] is False]
    assert settings_of(failed, "network.blocks", "network.channels", "rung", "final") == [(2, 8, 0, False)]
    assert failed[0] not in results.results_of(rows)
    assert results.status(tmp_path / "s")["failed_comparison"] == 1
    trainer = Trainer(failing={(b, c) for b in (0, 1, 2) for c in (4, 8)})
    trainer.run(tmp_path / "none")
    assert results.best(results.read_rows(tmp_path / "none")) is None


def test_one_rung_trains_everything_to_the_end(tmp_path):
    trainer = Trainer()
    trainer.run(tmp_path / "s", {"halving": {"rungs": 1}})
    assert len(results.results_of(results.read_rows(tmp_path / "s"))) == len(trainer.done) == 6


def test_another_sweep_does_not_go_into_the_folder(tmp_path):
    Trainer().run(tmp_path / "s")
    with pytest.raises(RunFolderError, match="was made with another sweep file or budget"):
        Trainer().run(tmp_path / "s", {"halving": {"rungs": 1}})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.png").write_bytes(b"")
    with pytest.raises(RunFolderError, match="is not a sweep's folder"):
        Trainer().run(tmp_path / "other")


def test_status_while_it_runs(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Trainer(stop_after=7).run(tmp_path / "s")
    found = results.status(tmp_path / "s")
    assert found["rungs"] == [
        {"rung": 0, "chosen": 6, "finished": 6}, {"rung": 1, "chosen": 2, "finished": 1},
    ]  # fmt: skip
    assert (found["in_budget"], found["results"], found["seconds"]) == (6, 1, 14.0)


def test_tables_and_page(tmp_path):
    import pyarrow.parquet

    root = tmp_path / "s"
    Trainer().run(root, {"budget": {"at_most": {"params": 1e6}}})
    rows = results.read_rows(root)
    files = results.write_tables(root, rows)
    assert [path.name for path in files] == ["results.json", "results.csv", "results.parquet"]
    document = json.loads(files[0].read_text())
    assert document["rows"] == rows
    assert document["best"] == results.best(rows)["key"]
    assert pyarrow.parquet.read_table(files[2]).to_pylist() == rows
    lines = files[1].read_text().splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[0].startswith('"network.blocks","network.channels","params"')
    html = write_page(root, rows).read_text()
    assert html.count('id="plot-') == 4
    assert 'src="http' not in html
    assert "at most 1e+06 weights, biases and slopes" in html
    assert html.count("<tr") == 1 + len(rows)
    assert html.count('class="best"') == 1


def test_a_page_without_results(tmp_path):
    root = tmp_path / "s"
    Sweep(root, parse_spec({"axes": AXES}, "test"))
    rows = results.read_rows(root)
    assert rows == []
    assert results.write_tables(root, rows) == [root / "results.json"]
    assert "No result yet" in write_page(root, rows).read_text()
    assert finished(root, "none", 0) is None
