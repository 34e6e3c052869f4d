"""The course of a sweep with made-up trials: what is asked for, told, promoted, and never done twice."""

import json
from concurrent.futures import CancelledError, Future
from typing import Any

import optuna
import pytest

from hwrts.errors import ConfigError, DataError, HwrtsError, RunFolderError
from hwrts.progress import Silent
from hwrts.runs.folder import write_json
from hwrts.sweep import results
from hwrts.sweep.folder import finished
from hwrts.sweep.page import write_page
from hwrts.sweep.runner import Sweep
from hwrts.sweep.space import candidate, costs_of
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
        future: Future[Any] = Future()
        if (network["blocks"], network["channels"]) in self.broken:
            future.set_exception(self.error)
            return future
        self.done.append((task.key, task.rung))
        document = {
            "key": task.key,
            "rung": task.rung,
            "stage": "1",
            "quality": task.quality,
            "seconds": 2.0,
            "quality_float": 30.0 + network["blocks"] + network["channels"] / 100 + task.rung,
            "quality_int8": 29.9 + network["blocks"] + network["channels"] / 100 + task.rung,
            "passed": (network["blocks"], network["channels"]) not in self.failing,
            "compared": 1000,
            "mismatches": 0,
            "measures": {},
        }
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


def test_multipliers_are_a_budget(tmp_path):
    """At half the clock a network needs twice as many."""
    limits = {"mode": "1080p60", "at_most": {"multipliers": 300}}
    Trainer().run(tmp_path / "fast", {"budget": limits | {"clock_mhz": 300}})
    rows = results.read_rows(tmp_path / "fast")
    assert len(rows) == 6
    assert all(row["multipliers"] <= 300 and row["kgates"] > 0 for row in rows)
    slow = Trainer().run(tmp_path / "slow", {"budget": limits | {"clock_mhz": 150}})
    assert 0 < slow.over < 6


def test_a_sweep_of_before_goes_on(tmp_path):
    """Its folder knows no clock, and its configurations no multipliers."""
    root = tmp_path / "s"
    Trainer().run(root)
    document = json.loads((root / "sweep.json").read_text())
    del document["spec"]["budget"]["clock_mhz"]
    (root / "sweep.json").write_text(json.dumps(document))
    key = results.best(results.read_rows(root))["key"]
    path = root / "configurations" / f"{key}.json"
    entry = json.loads(path.read_text())
    counted = {unit: entry["costs"].pop(unit) for unit in ("multipliers", "kgates")}
    path.write_text(json.dumps(entry))

    def fitting():
        rows = {row["key"]: row for row in results.read_rows(root)}
        return results.best([rows[key]], {"multipliers": 1e9})

    assert fitting() is None
    again = Trainer()
    again.run(root)
    assert again.done == []
    assert fitting().items() >= counted.items()  # counted since


@pytest.mark.in_turns
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
        "search": {"method": method, "trials": 30},
        "budget": {"at_most": {"params": 4000}},
    }
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


def test_what_is_no_network_is_left_out(tmp_path):
    """SRCNN has no blocks: its points are told as infeasible, in every session once."""
    axes = {"network.blocks": [0, 1], "network.name": ["srcnn", "residual"], "network.channels": [4]}
    trainer = Trainer()
    sweep = trainer.run(tmp_path / "s", {"axes": axes})
    assert sweep.over == 2
    assert [row["network.name"] for row in results.read_rows(tmp_path / "s")] == ["residual"] * 2
    again = Trainer()
    assert again.run(tmp_path / "s", {"axes": axes}).over == 2
    assert again.done == []
    with pytest.raises(ConfigError, match="blocks"):
        Trainer().run(tmp_path / "t", {"axes": {**axes, "network.name": ["srcnn"]}})
    wrong = {"qat": {"layer_weight_bits": {"conv_9": 4}}}  # seen when the network is built, not before
    with pytest.raises(ConfigError, match=r"no configuration is a network; .*no layer 'conv_9'"):
        Trainer().run(tmp_path / "u", {"base": wrong})


def test_a_kill_while_the_grid_is_written_down(tmp_path, monkeypatch):
    enqueue, left = optuna.study.Study.enqueue_trial, [4]

    def enqueue_four(self, params):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        enqueue(self, params)

    monkeypatch.setattr(optuna.study.Study, "enqueue_trial", enqueue_four)
    with pytest.raises(KeyboardInterrupt):
        Trainer().run(tmp_path / "s")
    left[0] = 99
    trainer = Trainer()
    trainer.run(tmp_path / "s")
    assert [rung for _, rung in trainer.done] == [0] * 6 + [1] * 2


@pytest.mark.parametrize("method", ["grid", "nsga2"])
def test_a_kill_between_two_suggestions(tmp_path, monkeypatch, method):
    suggest, left = optuna.trial.Trial.suggest_categorical, [3]

    def suggest_three(self, name, choices):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return suggest(self, name, choices)

    document = {"search": {"method": method, "trials": 6}}
    monkeypatch.setattr(optuna.trial.Trial, "suggest_categorical", suggest_three)
    with pytest.raises(KeyboardInterrupt):
        Trainer().run(tmp_path / "s", document)
    left[0] = 999
    assert Trainer().run(tmp_path / "s", document).study.asked == 6
    assert all(set(AXES) <= set(row) for row in results.read_rows(tmp_path / "s"))


@pytest.mark.slow
def test_nsga2_learns_from_what_is_over_budget(tmp_path):
    """Of 60 configurations in a space that is nearly all over budget, later ones are within more often."""
    axes = {"network.blocks": [0, 1, 2, 3, 4, 5, 6, 7], "network.channels": [4 * n for n in range(1, 17)]}
    document = {
        "axes": axes,
        "search": {"method": "nsga2", "trials": 60},
        "budget": {"at_most": {"params": 3000}},
    }
    over = []
    for seed in range(3):
        document["search"]["seed"] = seed
        over.append(Trainer().run(tmp_path / str(seed), document).over)
    within = sum(
        candidate_fits(blocks, channels, 3000)
        for blocks in axes["network.blocks"]
        for channels in axes["network.channels"]
    ) / (8 * 16)
    assert 60 - sum(over) / 3 > 1.3 * within * 60


def candidate_fits(blocks, channels, most):
    spec = parse_spec({}, "test")
    costs = costs_of(candidate(spec, {"network.blocks": blocks, "network.channels": channels}), spec)
    return costs["params"] <= most


def test_values_of_two_kinds_in_a_table(tmp_path):
    axes = {"degradation.jpeg": [80, "none"], "network.channels": [4]}
    trainer = Trainer()
    trainer.run(tmp_path / "s", {"axes": axes})
    results.write_tables(tmp_path / "s", results.read_rows(tmp_path / "s"))
    assert '"none"' in (tmp_path / "s" / "results.csv").read_text()


def test_the_best_within_a_tighter_budget(tmp_path):
    Trainer().run(tmp_path / "s", {"halving": {"rungs": 1}})
    rows = results.read_rows(tmp_path / "s")
    assert results.best(rows)["network.blocks"] == 2
    assert results.best(rows, {"params": 1000})["network.blocks"] == 0
    assert results.best(rows, {"params": 10}) is None
    assert results.best(rows)["run"] == f"trials/{results.best(rows)['key']}/rung0"


def test_a_cluster_that_is_gone(tmp_path):
    with pytest.raises(HwrtsError, match="the workers are gone; start them again"):
        Trainer(broken={(0, 4)}, error=CancelledError()).run(tmp_path / "s")


def test_a_budget_that_nothing_meets(tmp_path):
    with pytest.raises(ConfigError, match="nothing is within the budget, the nearest has params 895;"):
        Trainer().run(tmp_path / "s", {"budget": {"at_most": {"params": 30, "line_kib": 1e6}}})


def test_a_circuit_that_is_too_slow_is_no_number(tmp_path):
    """In tables and messages: 50 MHz are fewer clocks than 2160p60 has pixels."""
    Trainer().run(tmp_path / "s", {"budget": {"clock_mhz": 50.0}, "halving": {"rungs": 1}})
    rows = results.read_rows(tmp_path / "s")
    assert {(row["multipliers"], row["kgates"]) for row in rows} == {(None, None)}
    assert results.best(rows, {"multipliers": 1e9}) is None
    assert results.best(rows, {"params": 1000})["network.blocks"] == 0
    results.write_tables(tmp_path / "s", rows)
    assert "e+30" not in (tmp_path / "s" / "results.csv").read_text()
    with pytest.raises(ConfigError, match="the nearest has no circuit to count multipliers of;"):
        Trainer().run(tmp_path / "t", {"budget": {"clock_mhz": 50.0, "at_most": {"multipliers": 1e9}}})


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
        {"rung": 0, "chosen": 6, "finished": 6},
        {"rung": 1, "chosen": 2, "finished": 1},
    ]
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
    assert '"text":"bicubic"' not in html  # these trainings did not measure it
    assert "at most 1e+06 weights, biases and slopes" in html
    assert html.count("<tr") == 1 + len(rows)
    assert html.count('class="best"') == 1
    html = write_page(root, [{**row, "bicubic": 28.25} for row in rows]).read_text()
    assert html.count('"text":"bicubic"') == 4  # a level line in every plot of dB


def test_a_page_without_results(tmp_path):
    root = tmp_path / "s"
    Sweep(root, parse_spec({"axes": AXES}, "test"))
    rows = results.read_rows(root)
    assert rows == []
    assert results.write_tables(root, rows) == [root / "results.json"]
    assert "No result yet" in write_page(root, rows).read_text()
    assert finished(root, "none", 0) is None
