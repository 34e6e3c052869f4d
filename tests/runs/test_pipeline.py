import errno
import hashlib
import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hwrts.config import QatConfig, RunConfig
from hwrts.errors import DataError, RunFolderError
from hwrts.files.read import read_json
from hwrts.fixed_point import load_network, run
from hwrts.progress import Silent
from hwrts.report.summary import photograph_names
from hwrts.runs import resumable
from hwrts.runs.folder import RunFolder, StageFolder, create_run, open_run
from hwrts.runs.pipeline import quantise_variant, run_stages, stage_changes, train_stages
from hwrts.runs.proof import file_hashes
from hwrts.runs.quantise import verify_stage
from hwrts.runs.session import open_session
from hwrts.runs.verify_inputs import load_verify_inputs
from hwrts.settings_file import parse_config
from hwrts.training.checkpoint import load_weights, save_training, save_weights

from .tiny import TINY, Lines, photographs, start


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[RunFolder, Lines]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("pipeline")
    lines = Lines()
    return start(folder / "run", photographs(folder / "photos"), lines), lines


def mains(made: RunFolder) -> list[StageFolder]:
    """The stages without their same-size networks."""
    return [stage for stage in made.stages() if not stage.same_size]


STAGE_FILES = {
    "float.safetensors",
    "qat.safetensors",
    "network.npz",
    "network.json",
    "model.int8.onnx",
    "verify.json",
}


def test_every_file_has_the_name_of_the_design(finished):
    made, _ = finished
    found = {path.name for path in made.root.iterdir()}
    assert {"config.toml", "run.json", "metrics.jsonl", "stage1", "stage2", "verify_inputs.npz"} <= found
    for stage in made.stages():
        files = STAGE_FILES - ({"float.safetensors"} if stage.same_size else set())
        assert {path.name for path in stage.root.iterdir()} >= files
    assert [stage.name for stage in made.stages()] == ["1", "1-same", "2", "2-same"]
    assert not list(made.root.rglob(".*.tmp"))


def test_the_verdict_is_passed_and_of_these_files(finished):
    made, lines = finished
    for stage in made.stages():
        verdict = read_json(stage.verify)
        assert verdict["passed"] is True
        assert verdict["mismatches"] == verdict["tolerance"] == 0
        assert verdict["compared"] > 1_000_000
        assert verdict["problems"] == []
        assert all(control["caught"] for control in verdict["controls"])
        assert {row["witness"] for row in verdict["rows"]} == {
            "numpy fast",
            "onnxruntime fused",
            "onnxruntime unfused",
            "onnx.reference",
            "torch fake-quantised float32",
            "onnxruntime, the file",
        }
        assert verdict["sha256"] == file_hashes(stage)
        named = {path.name: path for path in stage.root.iterdir()}
        for name, expected in verdict["sha256"].items():
            assert hashlib.sha256(named[name].read_bytes()).hexdigest() == expected
    assert sum("PASSED, 0 of" in line for line in lines.said) == 4


def test_measures_are_finite_and_plausible(finished):
    made, _ = finished
    for stage in mains(made):
        measures = read_json(stage.metrics)
        numbers = [value for value in measures.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all()
        assert measures["images"] == 1
        assert measures["psnr_int8_db"] > 20  # an up-scaler from the start
        # After 4 steps of QAT the int8 network is still near its float one: 30 dB is an error of 8 codes.
        assert measures["int8_against_float_db"] > 30
        assert set(measures["seconds"]) == {"train", "targets", "qat", "export", "measure", "verify"}
    ratios = [read_json(stage.metrics)["difference_float_percent"] for stage in mains(made)]
    assert stage_changes(made, 2) == [ratios[0], ratios[1] - ratios[0]]


def test_the_same_size_network_does_what_its_float_network_does(finished):
    made, _ = finished
    for number in (1, 2):
        folder = made.stage(f"{number}-same")
        network, measures = load_network(folder.root), read_json(folder.metrics)
        assert network.scales[network.output] == 1
        assert {conv.weight_i8.shape[-1] for conv in network.convs if conv.name.startswith("fold")} == {5}
        assert set(measures["seconds"]) == {"qat", "export", "measure", "verify"}
        # Three steps after calibration: 30 dB is an error of 8 codes, HR0 itself is farther away than that.
        assert measures["int8_against_float_enhanced_db"] > 30
        main = read_json(made.stage(number).metrics)
        assert measures["difference_float_percent"] == main["difference_float_percent"]
        assert "psnr_int8_db" not in measures


def test_which_network_enhances(finished, tmp_path):
    made, _ = finished
    assert made.enhancing_stage(None).name == "2-same"
    assert made.enhancing_stage("1").name == "1-same"
    assert made.enhancing_stage("1-same").name == "1-same"
    with pytest.raises(RunFolderError, match="stage 3 is not finished"):
        made.enhancing_stage("3")


@pytest.mark.usefixtures("small_verdict")
def test_a_run_without_same_size_networks(finished, tmp_path, watched):
    plain = {"steps": 1, "same_size": False}
    made = start(tmp_path / "plain", finished[0].root.parent / "photos", qat=plain)
    assert [stage.name for stage in made.stages()] == ["1", "2"]
    assert made.enhancing_stage(None).name == "2"
    session = open_session(made, Silent())
    assert session.val.has("target2")
    assert session.train.has("target1")  # stage 2 trains towards them
    assert not session.train.has("target2")  # and nobody towards these, before a same-size network is wanted
    assert quantise_variant(session, 2, "2-same", QatConfig(same_size_steps=1))
    assert session.train.has("target2")
    assert watched[0] > 0
    assert watched[1:] == [watched[0], 0]  # nothing pulls at what learns toward its own float picture


def test_run_notes_and_loss_lines(finished):
    made, _ = finished
    notes = made.notes()
    assert (notes["status"], notes["best_stage"], notes["skipped"]) == ("finished", 2, [])
    assert len(notes["photographs"]["train"]) == len(notes["photographs"]["val"]) == 1
    assert notes["device"]["name"] == "cpu"
    assert [(e["stage"], e["phase"], e["step"]) for e in made.metrics()] == [
        ("1", "float", 6),
        ("1", "qat", 4),
        ("1-same", "same-size", 3),
        ("2", "float", 6),
        ("2", "qat", 4),
        ("2-same", "same-size", 3),
    ]


def test_stage_two_trains_on(finished):
    made, _ = finished
    first, second = (load_weights(stage.float_weights)[0] for stage in mains(made))
    moved = [float((first[name] - second[name]).abs().max()) for name in first]
    assert 0 < max(moved) < 0.1  # six steps of a small rate from the weights of stage 1, not a new start


@pytest.mark.usefixtures("small_verdict")
def test_the_same_seed_gives_the_same_bytes(finished, tmp_path):
    made, _ = finished
    # Of the first stage alone: of a whole run the command's own test says it (tests/cli/test_commands.py).
    one: dict[str, Any] = {"rts": {**TINY["rts"], "stages": 1}}
    again = start(tmp_path / "again", made.root.parent / "photos", **one)
    one["qat"] = {**TINY["qat"], "same_size": False}
    other = start(tmp_path / "other", made.root.parent / "photos", seed=1, **one)
    for name in ("float.safetensors", "qat.safetensors", "network.npz"):
        for stage in ("stage1",) if name.startswith("float") else ("stage1", "stage1-same"):
            assert (made.root / stage / name).read_bytes() == (again.root / stage / name).read_bytes(), name
        assert (made.root / "stage1" / name).read_bytes() != (other.root / "stage1" / name).read_bytes()


def test_a_finished_run_is_not_computed_again(finished):
    made, _ = finished
    before = {path: path.stat().st_mtime_ns for path in made.root.rglob("*") if path.name != "run.json"}
    lines = Lines()
    assert run_stages(open_session(open_run(made.root), lines)) == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [line for line in lines.said if "finished already" in line] == [
        "stage 1: finished already",
        "stage 2: finished already",
    ]
    assert lines.tasks == []


def test_a_lost_verdict_is_made_again(finished):
    made, _ = finished
    stage = made.stage(2)
    old = read_json(stage.verify)
    weights = stage.qat_weights.read_bytes()
    stage.verify.unlink()
    assert [stage.name for stage in made.stages()] == ["1", "1-same", "2-same"]
    run_stages(open_session(open_run(made.root), Silent()))
    new = read_json(stage.verify)
    assert (new["passed"], new["compared"], new["sha256"]) == (True, old["compared"], old["sha256"])
    assert stage.qat_weights.read_bytes() == weights


def test_files_of_two_networks_are_not_compared(finished, tmp_path):
    made = RunFolder(shutil.copytree(finished[0].root, tmp_path / "run"))
    for name in ("network.npz", "network.json"):
        shutil.copy(made.root / "stage1-same" / name, made.root / "stage1" / name)
    with pytest.raises(RunFolderError, match=r"qat\.safetensors: is of another network than network\.json"):
        verify_stage(made, made.stage(1))


def test_a_partial_verification_leaves_the_verdict(finished):
    made, _ = finished
    stage = made.stage(1)
    before = stage.verify.read_bytes()
    verdict = verify_stage(made, stage, layers=["conv_out"], stimuli=["ramp"])
    assert verdict.passed
    assert {row.layer for row in verdict.rows.values()} == {"conv_out", "picture"}  # and the file's output
    assert stage.verify.read_bytes() == before


@pytest.mark.usefixtures("small_verdict")
def test_a_variant_gets_its_own_folder(finished):
    made, _ = finished
    session = open_session(made, Silent())
    main = {name: (made.root / "stage1" / name).read_bytes() for name in STAGE_FILES}
    # A checkpoint of another quantisation under this name: continuing from it would mix two trainings.
    save_weights(made.state, torch.nn.Conv2d(1, 1, 1), {"stage": "1-w4a6", "phase": "qat", "step": 1})
    qat = QatConfig(steps=2, weight_bits=4, activation_bits=6)
    assert quantise_variant(session, 1, "1-w4a6", qat)
    network = load_network(made.root / "stage1-w4a6")
    assert {conv.weight_bits for conv in network.convs} == {4}
    assert network.layer("conv_0").out.bits == 6
    assert {name: (made.root / "stage1" / name).read_bytes() for name in STAGE_FILES} == main
    assert read_json(made.root / "stage1-w4a6" / "verify.json")["passed"]


def test_verification_inputs_are_the_photographs(finished):
    made, _ = finished
    crops = load_verify_inputs(made)
    assert {name: pixels.shape for name, pixels in crops.items()} == {
        f"photo {made.notes()['photographs']['val'][0]}": (127, 129, 3)
    }
    broken = made.inputs.with_name("copy.npz")
    for content in (b"", b"PK\x03\x04 no", made.inputs.read_bytes()[:200]):
        broken.write_bytes(content)

        class Other(RunFolder):
            inputs = broken

        with pytest.raises(RunFolderError, match="missing or damaged"):
            load_verify_inputs(Other(made.root))
    broken.unlink()


def test_the_handed_over_files_agree_with_each_other(finished, picture):
    from hwrts.runs.engines import onnx_engine

    stage = finished[0].stage(2)
    network = load_network(stage.root)
    pixels = picture(19, 21)
    np.testing.assert_array_equal(
        onnx_engine(stage.onnx.read_bytes(), network).codes(pixels), run(network, pixels)
    )


def test_a_broken_file_fails_the_verdict(finished):
    """One weight byte of the ONNX file changed on disk: the verdict of the same command turns."""
    made, _ = finished
    stage = made.stage(1)
    honest, written = stage.onnx.read_bytes(), stage.verify.read_bytes()
    weights = load_network(stage.root).layer("conv_ext_x").weight_i8.tobytes()
    place = honest.index(weights) + 4
    try:
        stage.onnx.write_bytes(honest[:place] + bytes([honest[place] ^ 0x40]) + honest[place + 1 :])
        verdict = verify_stage(made, stage)
        assert not verdict.passed
        assert json.loads(stage.verify.read_text())["passed"] is False
    finally:
        stage.onnx.write_bytes(honest)
        stage.verify.write_bytes(written)


def test_what_is_in_training_and_validation_is_said(finished, tmp_path):
    """A copy under another name and in another format; and a resume says that it does not look again."""
    data = photographs(tmp_path / "photos", count=3)
    (tmp_path / "val").mkdir()
    with Image.open(data / "photo1.png") as image:
        image.save(tmp_path / "val/copy.tif")
    folders = {"train": str(data), "val": str(tmp_path / "val")}
    document = {**TINY, "data": {**TINY["data"], **folders}}
    made = create_run(tmp_path / "run", parse_config(document, "test"), {"status": "created"}, force=False)
    lines = Lines()
    open_session(made, lines)
    (warning,) = [text for text in lines.said if text.startswith("warning: ")]
    assert "in training ('photo1') and validation ('copy'); the network has seen" in warning
    assert made.notes()["in_both"] == ["photo1 = copy"]
    assert dict(photograph_names(made.notes()))["In both"] == ["photo1 = copy"]
    assert not any("copies" in text for text in lines.said)
    made.update_notes(status="running")
    open_session(made, lines)
    assert any(f"copies in {made.root / 'data'} are used; if {data} has changed" in t for t in lines.said)
    assert not any(text.startswith("warning: ") for text in finished[1].said)


def test_photographs_without_a_score_can_not_stop_a_run(tmp_path):
    """It ended after the first stage."""
    data = photographs(tmp_path / "photos", count=2)
    (tmp_path / "val").mkdir()
    Image.fromarray(np.zeros((64, 1500, 3), np.uint8)).save(tmp_path / "val/panorama.png")
    folders = {"train": str(data), "val": str(tmp_path / "val")}
    auto = {**TINY["rts"], "stages": "auto", "max_stages": 2, "stop": "score"}
    document = {**TINY, "rts": auto, "data": {**TINY["data"], **folders}}
    made = create_run(tmp_path / "run", parse_config(document, "test"), {}, force=False)
    with pytest.raises(DataError, match="panorama: too elongated to score, as all photographs"):
        open_session(made, Silent())


def test_photographs_too_small_are_an_error(tmp_path):
    with pytest.raises(DataError, match="too small"):
        start(tmp_path / "run", photographs(tmp_path / "photos", size=40))


@pytest.mark.usefixtures("small_verdict")
def test_checkpoints_go_when_their_weights_are_saved(tmp_path, monkeypatch):
    """One as large as three networks was left in the run, and one in each same-size stage."""
    saved = []

    def remembered(path, *others):
        saved.append(path)
        save_training(path, *others)

    monkeypatch.setattr(resumable, "save_training", remembered)
    monkeypatch.setattr(resumable, "CHECKPOINT_SECONDS", 0.0)
    made = start(tmp_path / "run", photographs(tmp_path / "photos"), rts={**TINY["rts"], "stages": 1})
    assert {path.parent.name for path in saved} == {"run", "stage1-same"}
    assert not list(made.root.rglob("state.safetensors"))
    save_weights(made.state, torch.nn.Conv2d(1, 1, 1), {"stage": "2", "phase": "float", "step": 1})
    made.stage(1).verify.unlink()
    run_stages(open_session(open_run(made.root), Silent()))
    assert made.state.is_file()  # of another stage, which goes on from it
    save_weights(made.state, torch.nn.Conv2d(1, 1, 1), {"stage": "1", "phase": "qat", "step": 1})
    run_stages(open_session(open_run(made.root), Silent()))
    assert not made.state.is_file()  # a kill came between the last file and this deletion
    for phase, stays in (("qat", True), ("float", False)):  # as of a sweep, whose trials share the float one
        save_weights(made.state, torch.nn.Conv2d(1, 1, 1), {"stage": "1", "phase": phase, "step": 1})
        train_stages(open_session(open_run(made.root), Silent()))
        assert made.state.is_file() == stays


def test_a_run_that_stopped_before_it_said_what_it_read_reads_again(tmp_path, monkeypatch):
    """A disk was full behind the photographs: run.json never said which they are."""
    config = RunConfig.model_validate(
        {**TINY, "data": {**TINY["data"], "train": str(photographs(tmp_path / "photos"))}}
    )
    made = create_run(tmp_path / "run", config, {}, force=False)
    note = RunFolder.update_notes

    def full(run, **changes):
        if changes.get("photographs"):
            raise OSError(errno.ENOSPC, "No space left on device")
        note(run, **changes)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "update_notes", full)
        with pytest.raises(OSError, match="No space"):
            open_session(made, Silent())
    session = open_session(made, Silent())
    assert made.notes()["photographs"] == {"train": [*session.train.names], "val": [*session.val.names]}


@pytest.mark.usefixtures("small_verdict")
def test_lines_of_a_training_that_was_interrupted(tmp_path, monkeypatch):
    """A line is a mean of twenty steps: behind an interruption it was one of those after it."""
    monkeypatch.setattr(resumable, "CHECKPOINT_SECONDS", 0.0)
    data = photographs(tmp_path / "photos")
    rts, qat = {**TINY["rts"], "stages": 1}, {"steps": 4, "same_size": False}
    straight = list(start(tmp_path / "straight", data, rts=rts, qat=qat).metrics())

    def interrupted(path, training, notes):
        save_training(path, training, notes)
        if training.step == 3:
            monkeypatch.setattr(resumable, "save_training", save_training)
            raise KeyboardInterrupt

    monkeypatch.setattr(resumable, "save_training", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", data, rts=rts, qat=qat)
    made = open_run(tmp_path / "run")
    run_stages(open_session(made, Silent()))
    assert list(made.metrics()) == straight
