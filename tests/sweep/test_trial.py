"""Real trials on tiny photographs: what they share, how rungs follow each other, what is proved."""

import doctest
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import hwrts.sweep.front
import hwrts.sweep.space
import hwrts.sweep.trial
from hwrts.config import RunConfig
from hwrts.data.images import read_image
from hwrts.errors import HwrtsError
from hwrts.fixed_point import load_network, run
from hwrts.progress import Silent
from hwrts.runs.folder import RunFolder, open_run
from hwrts.sweep import trial
from hwrts.sweep.spec import Halving
from hwrts.sweep.trial import RESULT, run_trial, rung_config
from hwrts.training.checkpoint import load_weights

pytestmark = pytest.mark.usefixtures("small_verdict")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def test_quantisations_share_a_float_network_and_rungs_go_on(tmp_path, tiny, tasks):
    root, spec = tmp_path / "s", tiny()
    narrow, wide = tasks(root, spec)
    assert narrow.float_key == wide.float_key
    documents = [run_trial(task, Silent()) for task in (narrow, wide)]
    for document, task in zip(documents, (narrow, wide), strict=True):
        assert document["passed"]
        assert document["mismatches"] == 0 < document["compared"]
        assert document["quality_int8"] == document["measures"]["psnr_int8_db"]
        assert json.loads((task.folder / RESULT).read_text()) == document
        assert not (task.folder / "report.html").exists()  # of what is trained to the end
    assert documents[0]["quality_float"] == documents[1]["quality_float"]
    assert documents[0]["quality_int8"] != documents[1]["quality_int8"]
    weights = [task.folder / "stage1" / "float.safetensors" for task in (narrow, wide)]
    shared = root / "floats" / wide.float_key / "rung0" / "stage1" / "float.safetensors"
    assert {path.stat().st_ino for path in weights} == {shared.stat().st_ino}
    assert len(list((root / "photographs").glob("[!.]*"))) == 1

    again = (wide.folder / RESULT).stat().st_mtime_ns
    assert run_trial(wide, Silent()) == documents[1]
    assert (wide.folder / RESULT).stat().st_mtime_ns == again

    further = tasks(root, spec, rung=1)[1]
    assert run_trial(further, Silent())["passed"]
    run = open_run(further.folder)
    assert run.report.is_file()
    assert run.config.rts.first_steps == 6  # 9 less the 3 of the first rung
    float_run = open_run(root / "floats" / wide.float_key / "rung1")
    assert float_run.start.read_bytes() == shared.read_bytes()
    assert not run.start.exists()  # its float weights are there already


@pytest.mark.usually(stage="2")
@pytest.mark.parametrize(
    ("axes", "stage"),
    [
        ({"rts.stages": [2], "qat.activation_bits": [6], "network.channels": [4]}, "2"),
        ({"network.name": ["srcnn"], "network.channels": [4]}, "1"),
    ],
)
def test_every_axis_is_trained_and_proved(tmp_path, tiny, tasks, axes, stage):
    """Through both rungs: stages, widths of activations, other networks."""
    root, spec = tmp_path / "s", tiny(axes=axes)
    for rung in (0, 1):
        (task,) = tasks(root, spec, rung=rung)
        document = run_trial(task, Silent())
        assert document["passed"]
        assert document["mismatches"] == 0 < document["compared"]
    run = open_run(task.folder)
    assert [each.name for each in run.stages()][-1] == stage
    assert run.config.network.name == axes.get("network.name", ["residual"])[0]
    assert run.config.qat.activation_bits == axes.get("qat.activation_bits", [8])[0]


def test_a_training_starts_from_given_weights(tmp_path, tiny, tasks):
    """With a rate of nearly nothing, rung 1 ends where rung 0 did; a new network would be elsewhere."""
    spec = tiny()
    base = json.loads(json.dumps(spec.base))
    base["rts"] |= {"first_learning_rate": 1e-12, "small_residual": False}
    base["seed"] = 1
    base.setdefault("network", {})["keeps"] = "nothing"  # what is held would move the weights given below
    spec = tiny(base=base, axes={"network.channels": [4], "network.blocks": [1]})
    root = tmp_path / "s"
    (first,) = tasks(root, spec)
    run_trial(first, Silent())
    start = load_weights(first.folder / "stage1" / "float.safetensors")[0]
    changed = {name: tensor + 0.01 for name, tensor in start.items()}
    from safetensors.torch import save_file

    path = root / "floats" / first.float_key / "rung0" / "stage1" / "float.safetensors"
    notes = load_weights(path)[1]
    path.unlink()
    save_file(changed, path, {"hwrts": json.dumps(notes)})
    (second,) = tasks(root, spec, rung=1)
    run_trial(second, Silent())
    after = load_weights(second.folder / "stage1" / "float.safetensors")[0]
    for name, tensor in changed.items():
        assert torch.allclose(after[name], tensor, atol=1e-6), name


def test_the_same_size_head_is_measured_by_its_own_network(tmp_path, tiny, tasks, monkeypatch):
    """By a made-up score that tells pictures apart; runs/test_stop.py has VIQET's, which takes seconds."""
    monkeypatch.setattr(
        "hwrts.runs.evaluate.score", lambda picture: SimpleNamespace(mos_raw=float(picture.mean()))
    )
    base = json.loads(json.dumps(tiny().base))
    base["qat"]["same_size_steps"] = 3
    spec = tiny(base=base, axes={"network.channels": [4], "head": ["same-size"]}, quality="score")
    (task,) = tasks(tmp_path / "s", spec)
    document = run_trial(task, Silent())
    assert document["stage"] == "1-same"
    assert document["quality_int8"] == document["measures"]["mos_raw_int8"]
    assert document["passed"]
    network = load_network(task.folder / "stage1-same")
    originals = [read_image(path) for path in sorted(Path(spec.base["data"]["val"]).iterdir())]
    found = [float(run(network, original).mean()) for original in originals]
    assert document["quality_int8"] == pytest.approx(sum(found) / len(found), abs=1e-9)


def test_pixels_of_another_width_share_no_float_network_and_no_photographs(tmp_path, tiny, tasks):
    """Of 8 and 10 bits the photographs and the targets differ, and a store has one width."""
    axes = {"network.channels": [4], "network.blocks": [0], "qat.pixel_bits": [8, 10]}
    both = tasks(tmp_path, tiny(axes=axes, halving={"rungs": 1}))
    assert all(run_trial(task, Silent())["passed"] for task in both)
    networks = [load_network(task.folder / "stage1") for task in both]
    assert [each.inputs[0].out.bits for each in networks] == [8, 10]
    assert len(list((tmp_path / "photographs").glob("[!.]*"))) == 2


def test_photographs_whose_reading_was_interrupted(tmp_path, tiny, tasks, monkeypatch):
    """What was read, and what of it was left out, was missing in their run.json for good."""
    config = RunConfig.model_validate(tasks(tmp_path, tiny())[0].settings)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "update_notes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trial._photographs(tmp_path, config, Silent())
    run = trial._photographs(tmp_path, config, Silent())
    assert len(run.notes()["photographs"]["train"]) == 2
    assert not list(run.root.parent.glob(".*"))


def test_rungs_add_up():
    config = RunConfig.model_validate({"rts": {"first_steps": 900, "steps": 90}, "qat": {"steps": 300}})
    for rungs, factor in ((1, 3), (2, 4), (3, 3), (5, 2)):
        halving = Halving(rungs=rungs, factor=factor)
        found = [rung_config(config, halving, rung) for rung in range(rungs)]
        assert sum(each.rts.first_steps for each in found) == 900
        assert found[-1].rts.steps == 90
        assert all(each.qat == config.qat for each in found)  # widths are compared fairly at every rung


def test_no_score_is_said(tmp_path, tiny, tasks, monkeypatch):
    monkeypatch.setattr("hwrts.runs.evaluate._scores", lambda pictures: {})
    (task,) = tasks(tmp_path / "s", tiny(axes={"network.channels": [4]}, quality="score"))
    with pytest.raises(HwrtsError, match="no mos_raw_int8 was measured"):
        run_trial(task, Silent())


def test_examples():
    for module in (hwrts.sweep.trial, hwrts.sweep.spec, hwrts.sweep.space, hwrts.sweep.front):
        assert doctest.testmod(module).failed == 0
