import json
import os

import pytest

from hwrts.config import RunConfig
from hwrts.errors import RunFolderError
from hwrts.files.read import read_bytes, read_json
from hwrts.runs.folder import create_run, open_run, write_json
from hwrts.settings_file import parse_config


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "run", RunConfig(), {"status": "new"}, force=False)


def finish(run, *names: str) -> None:
    for name in names:
        write_json(run.stage(name).verify, {"passed": True})
        write_json(run.stage(name).metrics, {})


def test_a_new_run_holds_its_settings_and_notes(tmp_path):
    config = parse_config({"rts": {"stages": "auto"}, "degradation": {"jpeg": [70, 80]}}, "test")
    run = create_run(tmp_path / "a" / "b", config, {"command": "hwrts"}, force=False)
    assert run.config == config
    made = {"command": "hwrts", "settings_sha256": run.settings_sha256()}
    assert run.notes() == made
    run.update_notes(status="running", best_stage=2)
    assert open_run(run.root).notes() == {**made, "status": "running", "best_stage": 2}
    assert sorted(path.name for path in run.root.iterdir()) == ["config.toml", "run.json"]


def test_names_that_others_rely_on(run):
    stage = run.stage(2)
    paths = (
        run.state,
        run.report,
        run.inputs,
        stage.float_weights,
        stage.qat_weights,
        stage.onnx,
        stage.verify,
    )
    assert [str(path.relative_to(run.root)) for path in paths] == [
        "state.safetensors",
        "report.html",
        "verify_inputs.npz",
        "stage2/float.safetensors",
        "stage2/qat.safetensors",
        "stage2/model.int8.onnx",
        "stage2/verify.json",
    ]
    assert (stage.name, stage.number) == ("2", 2)
    variant = run.stage("12-w4a8")
    assert (variant.name, variant.number, variant.root.name) == ("12-w4a8", 12, "stage12-w4a8")


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "empty").mkdir()
    create_run(tmp_path / "empty", RunConfig(), {}, force=False)


def test_an_existing_run_is_not_overwritten(run):
    (run.root / "precious").write_text("x")
    with pytest.raises(RunFolderError, match=r"exists already; choose another name, .*--force"):
        create_run(run.root, RunConfig(), {}, force=False)
    assert (run.root / "precious").read_text() == "x"
    create_run(run.root, RunConfig(), {"again": True}, force=True)
    assert not (run.root / "precious").exists()
    assert run.notes()["again"] is True


@pytest.mark.parametrize("force", [False, True])
def test_other_folders_and_files_are_never_replaced(tmp_path, force):
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "thesis.txt").write_text("x")
    file.write_text("y")
    for path in (folder, file):
        with pytest.raises(RunFolderError, match=r"is not a run folder|exists already"):
            create_run(path, RunConfig(), {}, force=force)
    assert (folder / "thesis.txt").read_text() + file.read_text() == "xy"


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot be made .*choose a folder that can be written"):
        create_run(tmp_path / "file" / "run", RunConfig(), {}, force=False)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop this user"
)
def test_a_read_only_parent(tmp_path):
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o500)
    with pytest.raises(RunFolderError, match=r"cannot be made \(Permission denied\)"):
        create_run(parent / "run", RunConfig(), {}, force=False)


def test_folders_that_are_no_run_are_refused(tmp_path, run):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunFolderError, match="is not a run folder"):
            open_run(path)
    (run.root / "config.toml").unlink()
    assert not open_run(run.root).trained  # a module of the user's own; without settings
    with pytest.raises(RunFolderError, match=r"has no config\.toml, it was not trained by hwrts run"):
        _ = open_run(run.root).config
    (run.root / "run.json").unlink()
    with pytest.raises(RunFolderError, match=r"is not a run folder \(no run\.json\)"):
        open_run(run.root)


def test_metrics_of_a_repeated_step_are_the_last(run):
    assert list(run.metrics()) == []
    for step, loss in ((20, 1.0), (40, 0.5), (40, 0.25)):
        run.append_metric(stage="1", phase="float", step=step, loss=loss)
    run.append_metric(stage="1", phase="qat", step=20, loss=9.0)
    assert [(entry["phase"], entry["step"], entry["loss"]) for entry in run.metrics()] == [
        ("float", 20, 1.0),
        ("float", 40, 0.25),
        ("qat", 20, 9.0),
    ]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_kill_cut_short_costs_itself_only(run, cut):
    """The line written after it used to be glued to it, and was lost with it."""
    run.append_metric(stage="1", phase="float", step=20, loss=1.0)
    whole = (run.root / "metrics.jsonl").read_bytes()
    (run.root / "metrics.jsonl").write_bytes(whole + whole[: min(cut, len(whole) - 2)])
    assert [entry["step"] for entry in run.metrics()] == [20]
    run.append_metric(stage="1", phase="float", step=40, loss=0.5)
    run.append_metric(stage="1", phase="float", step=60, loss=0.4)
    assert [entry["step"] for entry in run.metrics()] == [20, 40, 60]


def test_stages_are_those_with_a_verdict_in_order(run):
    finish(run, "10", "2", "1", "2-w4")
    run.stage(3)
    (run.root / "stage0").mkdir()
    (run.root / "stages").mkdir()
    (run.root / "stage2-bad name").mkdir()
    assert [stage.name for stage in run.stages()] == ["1", "2", "2-w4", "10"]


def test_finished_stage(run):
    with pytest.raises(
        RunFolderError, match=r"stage 1 is not finished \(finished: none\); continue .*--resume"
    ):
        run.finished_stage(None)
    finish(run, "1", "2", "2-w4a8")
    assert run.finished_stage("1").name == "1"
    assert run.finished_stage("2-w4a8").number == 2
    assert run.finished_stage(None).name == "2"  # the last, while the run has kept none
    run.update_notes(best_stage=1)
    assert run.finished_stage(None).name == "1"
    with pytest.raises(RunFolderError, match=r"stage 7 is not finished \(finished: 1, 2, 2-w4a8\)"):
        run.finished_stage("7")


@pytest.mark.parametrize("content", [None, b"", b'{"a": ', b"\xff\xff", b"[1]", b"null"])
def test_damaged_json_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"x\.json: .*damaged.*delete it \(of a stage: its folder\)"):
        read_json(path)


def test_json_and_bytes_come_back(tmp_path):
    document = {"a": [1, 2.5, None], "ü": {"b": True}}
    write_json(tmp_path / "x.json", document)
    assert read_json(tmp_path / "x.json") == document
    assert json.loads(read_bytes(tmp_path / "x.json")) == document
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_bytes(tmp_path / "no")
