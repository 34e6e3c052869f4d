"""Wrong use: one clear line, exit 2, nothing lost."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from .conftest import SHORT, TINY, make_photographs


def assert_one_clear_line(result, *words):
    assert result.code == 2, (result.out, result.err)
    lines = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in lines[0], (word, lines[0])


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_missing_folder(empty, hwrts):
    assert_one_clear_line(hwrts("run", "--data", "nowhere"), "nowhere", "no such folder")
    assert not list(empty.glob("runs/*"))


def test_folder_without_images(empty, hwrts):
    (empty / "photos").mkdir()
    (empty / "photos/readme.txt").write_text("no picture")
    assert_one_clear_line(hwrts("run", "--data", "photos"), "photos")
    assert not list(empty.glob("runs/*"))


@pytest.mark.parametrize("size", [(1, 1), (20, 200)])
def test_images_smaller_than_a_patch(empty, hwrts, size):
    make_photographs(empty / "photos", size=size)
    assert_one_clear_line(hwrts("run", "--data", "photos", "--patch", "64"), "64")
    assert not list(empty.glob("runs/*"))


def broken_folder(root):
    photos = make_photographs(root / "photos")
    whole = root / "whole.jpg"
    Image.open(photos / "photo0.png").save(whole)
    (photos / "cut.jpg").write_bytes(whole.read_bytes()[:900])
    (photos / "text.png").write_text("this is no picture")
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(photos / "dot.png")
    return photos


def test_broken_images_are_left_out_with_a_count(empty, hwrts):
    broken_folder(empty)
    result = hwrts("run", "--data", "photos", "--name", "some", *SHORT)
    assert result.code == 0, result.err
    assert "3 images left out" in result.err
    skipped = json.loads((empty / "runs/some/run.json").read_text())["skipped"]
    assert len(skipped) == 3
    for name in ("cut.jpg", "text.png", "dot.png"):
        assert sum(name in reason for reason in skipped) == 1, skipped


def test_strict_refuses_broken_images(empty, hwrts):
    broken_folder(empty)
    assert_one_clear_line(hwrts("run", "--data", "photos", "--strict", *TINY), "photos")


def test_run_that_exists_is_not_touched(workspace, hwrts):
    before = snapshot(workspace / "runs")
    assert_one_clear_line(
        hwrts("run", "--data", "photos", "--name", "tiny", *TINY), "exists already", "--resume", "--force"
    )
    assert snapshot(workspace / "runs") == before


def test_force_replaces_runs_only(empty, hwrts):
    make_photographs(empty / "photos")
    (empty / "runs/mine").mkdir(parents=True)
    (empty / "runs/mine/thesis.txt").write_text("years of work")
    assert_one_clear_line(
        hwrts("run", "--data", "photos", "--name", "mine", "--force", *TINY), "not a run folder"
    )
    assert (empty / "runs/mine/thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[network]\nblcks = 3\n", ["network.blcks", "did you mean 'blocks'"]),
        ("[netwrk]\nblocks = 3\n", ["netwrk", "did you mean 'network'"]),
        ("[network]\nblocks = 'three'\n", ["network.blocks", "three"]),
        ("[qat]\nweight_bits = 9\n", ["qat.weight_bits", "9"]),
        ("[degradation]\njpeg = 0\n", ["jpeg"]),
        ("network = [", ["not TOML"]),
    ],
)
def test_wrong_settings(empty, hwrts, text, words):
    (empty / "my.toml").write_text(text)
    assert_one_clear_line(hwrts("run", "my.toml"), "my.toml", *words)
    assert not list(empty.glob("runs/*"))


def test_wrong_flags(empty, hwrts):
    result = hwrts("run", "--blcks", "3")
    assert result.code == 2
    assert "--blocks" in result.err
    assert_one_clear_line(hwrts("run", "--stages", "many"), "rts.stages", "many")
    assert_one_clear_line(hwrts("run", "--device", "quantum", "--name", "q"), "quantum")
    assert_one_clear_line(hwrts("run", "missing.toml"), "missing.toml")


def test_resume_takes_no_settings(workspace, hwrts):
    assert_one_clear_line(hwrts("run", "--resume", "runs/tiny", "--seed", "3"), "--resume")
    assert_one_clear_line(hwrts("run", "--resume", "runs/none"), "runs/none", "not a run folder")


def test_output_folder_that_cannot_be_written(workspace, hwrts):
    if os.geteuid() == 0:  # root may write anywhere: a file in the way stands for the permission
        (workspace / "locked").write_text("a file, not a folder")
    else:
        (workspace / "locked").mkdir(mode=0o500)
    assert_one_clear_line(
        hwrts("enhance", "photos/photo0.png", "-o", "locked/out.png", "--run", "runs/tiny"), "locked"
    )
    assert_one_clear_line(hwrts("export", "runs/tiny", "-o", "locked/out"), "locked")


@pytest.mark.parametrize("name", ["network.npz", "network.json", "qat.safetensors", "model.int8.onnx"])
@pytest.mark.parametrize("damage", ["changed byte", "truncated", "gone"])
def test_damaged_network_files(workspace, hwrts, name, damage):
    path = workspace / "runs/tiny/stage2" / name
    content = bytearray(path.read_bytes())
    if damage == "changed byte":
        content[len(content) // 2] ^= 0x10
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    enhance = ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/tiny", "--x2")
    for engine in ("onnxruntime", "numpy", "torch"):  # no picture from files that nobody proved
        assert_one_clear_line(hwrts(*enhance, "--engine", engine), name)
    assert not (workspace / "out.png").exists()
    result = hwrts("verify", "runs/tiny", "--stage", "2")
    if damage == "changed byte" and name in ("qat.safetensors", "model.int8.onnx"):
        # It proves the files as they are: such a byte may change a code (1), the structure (2), or nothing
        # that is computed, such as the last bits of a latent weight (0). Which one it is, it says.
        said = {0: "PASSED: 0 of ", 1: "FAILED: ", 2: "error: "}[result.code]
        assert sum(line.startswith(said) for line in (result.out + result.err).splitlines()) == 1
        assert "Traceback" not in result.err
    elif name == "model.int8.onnx":
        assert_one_clear_line(result, "ONNX file" if damage == "truncated" else name)
    else:
        assert_one_clear_line(result, name)


def _flip_a_stored_weight(path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "conv_in.weight")
    codes = numpy_helper.to_array(tensor).copy()
    codes.flat[np.abs(codes.astype(int)).argmax()] *= -1
    tensor.CopyFrom(numpy_helper.from_array(codes, tensor.name))
    onnx.save(model, path)


def _flip_a_trained_weight(path):
    """And make the file whole again: its checksum would refuse it."""
    from hwrts.training.checkpoint import _write, load_weights

    tensors, notes = load_weights(path)
    weight = tensors["convs.conv_in.weight"].view(-1)
    weight[weight.abs().argmax()] *= -1
    _write(path, tensors, notes)


@pytest.mark.parametrize(
    ("name", "flip", "witness"),
    [
        ("model.int8.onnx", _flip_a_stored_weight, "onnxruntime, the file"),
        ("qat.safetensors", _flip_a_trained_weight, "torch fake-quantised"),
    ],
)
def test_a_changed_weight_fails_its_verification(workspace, hwrts, name, flip, witness):
    """A byte that changes a code: exit 1, and the verdict names the witness whose file it is."""
    flip(workspace / "runs/tiny/stage2" / name)
    result = hwrts("verify", "runs/tiny", "--stage", "2", "--json")
    assert result.code == 1
    verdict = json.loads(result.out)["stages"]["2"]
    assert not verdict["passed"]
    wrong = {row["witness"] for row in verdict["rows"] if row["mismatches"]}
    assert any(witness in each for each in wrong)
    assert not any(each.startswith("numpy") for each in wrong)


def test_pictures_that_cannot_be_read(workspace, hwrts):
    (workspace / "text.png").write_text("no picture")
    assert_one_clear_line(hwrts("enhance", "text.png", "-o", "out.png", "--run", "runs/tiny"), "text.png")
    assert_one_clear_line(hwrts("enhance", "none.png", "-o", "out.png", "--run", "runs/tiny"), "none.png")
    bad_engine = hwrts("enhance", "photos/photo0.png", "-o", "o.png", "--run", "runs/tiny", "--engine", "gpu")
    assert_one_clear_line(bad_engine, "gpu", "onnxruntime")
    assert_one_clear_line(hwrts("enhance", "photos/photo0.png", "-o", "o.xyz", "--run", "runs/tiny"), ".xyz")
    assert not (workspace / "out.png").exists()


def test_stage_that_does_not_exist(workspace, hwrts):
    assert_one_clear_line(
        hwrts("verify", "runs/tiny", "--stage", "7"), "stage 7", "finished: 1, 1-same, 2, 2-same"
    )
    assert_one_clear_line(hwrts("quantize", "runs/tiny", "--stage", "7"), "stage 7")
