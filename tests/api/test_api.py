"""What ``import hwrts`` offers: the same results, files and refusals as the commands."""

import ast
import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import hwrts
from hwrts.api.quantize import _variant
from hwrts.fixed_point import Adjusted, adjusted
from hwrts.fixed_point import run as run_integers
from hwrts.runs.engines import make_engine

from ..conftest import few_pictures
from ..runs.tiny import TINY, photographs
from ..sweep.in_process import in_process

ONE_STAGE = {
    **TINY,
    "rts": {"stages": 1, "first_steps": 6, "batch": 2, "score": False},
    "qat": {"steps": 2, "same_size_steps": 1},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run by hwrts.train, what it told, and its photographs."""
    folder = tmp_path_factory.mktemp("api")
    data, told = photographs(folder / "photos"), []
    settings = {**ONE_STAGE, "data": {**TINY["data"], "train": str(data)}}
    with pytest.MonkeyPatch.context() as patch:
        few_pictures(patch)
        stage = hwrts.train(folder / "run", settings, progress=lambda *call: told.append(call))
    return stage, told, data


def test_names_are_few_and_the_same_for_type_checkers():
    assert len(hwrts.__all__) <= 10
    stub = ast.parse(Path(hwrts.__file__).with_suffix(".pyi").read_text("utf-8"))
    imported = {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == vars(hwrts)["_MODULES"]
    for name in hwrts.__all__:
        assert hasattr(hwrts, name)
        assert name in dir(hwrts)


def test_nothing_heavy_is_imported_before_it_is_asked_for():
    code = "import sys, hwrts; dir(hwrts); hwrts.HwrtsError; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_name_that_is_not_there_is_an_attribute_error_as_for_any_module():
    with pytest.raises(AttributeError, match=r"has no attribute 'trian'; it has .*train"):
        _ = hwrts.trian  # type: ignore[attr-defined]


def test_train_tells_titles_and_units(made):
    stage, told, _ = made
    assert (stage.name, stage.stages) == ("1-same", ("1", "1-same"))
    steps = [(done, total) for title, done, total, _ in told if title == "stage 1: float training"]
    assert steps == [(n, 6) for n in range(7)]
    assert any(total == 0 and title.startswith("run folder ") for title, _, total, _ in told)
    assert stage.run.notes()["command"] == "hwrts.train"


def test_train_refuses_what_the_command_refuses(made, tmp_path):
    stage, _, _ = made
    with pytest.raises(hwrts.HwrtsError, match=r"exists already; .* resume=True, or .* force=True$"):
        hwrts.train(stage.run.root)
    with pytest.raises(hwrts.HwrtsError, match=r"^settings: unknown key 'network.chanels'; did you mean"):
        hwrts.train(tmp_path / "new", {"network": {"chanels": 4}})
    with pytest.raises(hwrts.HwrtsError, match=r"^rts.steps: would do nothing: rts.stages = 1 has no later"):
        hwrts.train(tmp_path / "new", {"rts.stages": 1, "rts.steps": 4})
    with pytest.raises(hwrts.HwrtsError, match=r"^resume: takes no other settings"):
        hwrts.train(stage.run.root, {"seed": 1}, resume=True)
    assert not (tmp_path / "new").exists()


def test_a_finished_run_is_resumed_to_itself(made):
    stage, _, _ = made
    before = stage.files.onnx.read_bytes()
    assert hwrts.train(stage.run.root, resume=True).name == stage.name
    assert stage.files.onnx.read_bytes() == before


@pytest.mark.parametrize("shape", [(17, 23, 3), (17, 23)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_enhance_keeps_shape_and_type(made, picture, shape, dtype):
    given = picture(17, 23).astype(dtype) * (257 if dtype == np.uint16 else 1)
    given = given if len(shape) == 3 else given[..., 0]
    enhanced = made[0].enhance(given)
    assert (enhanced.shape, enhanced.dtype) == (shape, dtype)
    up = hwrts.load(made[0].run.root, 1).upscale(given)
    assert (up.shape, up.dtype) == ((34, 46, *shape[2:]), dtype)


def test_enhance_gives_the_codes_of_the_integers(made, picture):
    given = picture(40, 33)
    assert np.array_equal(made[0].enhance(given), run_integers(made[0].network, given))
    doubled = hwrts.load(made[0].run.root, "1")
    assert np.array_equal(doubled.upscale(given), run_integers(doubled.network, given))
    assert np.array_equal(doubled.enhance(given), make_engine("numpy", doubled.files).enhance(given))


def test_another_strength_gives_the_codes_of_the_adjusted_integers(made, picture):
    given, how = picture(40, 33), Adjusted(strength=24, coring=1, overshoot=5)
    enhanced = made[0].enhance(given, strength=1.5, coring=1, overshoot=5)
    assert np.array_equal(enhanced, run_integers(adjusted(made[0].network, how), given))
    assert np.array_equal(made[0].enhance(given, strength=1), made[0].enhance(given))
    assert np.array_equal(made[0].enhance(given, strength=0), given)
    doubled = hwrts.load(made[0].run.root, "1")
    assert np.array_equal(doubled.upscale(given, strength=0), given.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"strength": 0.7}, r"^strength=0.7: is no multiple of 1/16 from 0 to 2; use 0.6875 or 0.75$"),
        ({"strength": float("nan")}, r"^strength nan: is no multiple"),
        ({"coring": 200}, r"^coring=200: is no such number of codes; use 0 to 127$"),
        ({"overshoot": -1}, r"^overshoot=-1: is no such number of codes; use 0 to 255$"),
    ],
)
def test_no_such_strength(made, picture, asked, said):
    with pytest.raises(hwrts.HwrtsError, match=said):
        made[0].enhance(picture(8, 8), **asked)


def test_a_slider_is_handed_over(made, tmp_path):
    manifest = made[0].export(tmp_path / "out", strength_input=True, check=False)
    assert manifest["source"]["strength"] == "input"
    assert manifest["verdict"] == "PASSED"
    with pytest.raises(hwrts.HwrtsError, match=r"^strength=1: is given by strength_input=True; leave one"):
        made[0].export(tmp_path / "other", strength_input=True, strength=1)


@pytest.mark.parametrize(
    "given", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(made, given):
    with pytest.raises(hwrts.HwrtsError, match=r"^picture: .*give \(height, width, 3\)"):
        made[0].enhance(given)


def test_a_same_size_network_does_not_up_scale(made, picture):
    with pytest.raises(hwrts.HwrtsError, match=r"keeps the size; for x2 take hwrts.load\(.*, 1\)$") as caught:
        made[0].upscale(picture(4, 4))
    load = str(caught.value).rpartition("take ")[2]
    assert eval(load, {"hwrts": hwrts}).upscale(picture(4, 4)).shape == (8, 8, 3)


def test_what_a_notebook_shows_fits_a_line(made):
    stage = made[0]
    assert eval(repr(stage), {"hwrts": hwrts}) == stage
    shown = [repr(stage), repr(stage.cost())]
    assert re.fullmatch(
        r"Cost\(parameters=\d+, macs_per_input_pixel=\d+, accumulator_bits=\d+, .*layers=\d\)", shown[1]
    )
    assert max(map(len, shown)) < 200
    assert stage.report.is_file()
    assert not {"Any", "import_module"} & set(dir(hwrts))


def test_load_takes_a_run_a_stage_and_a_folder_of_one(made):
    root = made[0].run.root
    assert [hwrts.load(root).name, hwrts.load(root, 1).name] == ["1-same", "1"]
    assert hwrts.load(root / "stage1").name == "1"
    with pytest.raises(hwrts.HwrtsError, match="stage 7 is not finished"):
        hwrts.load(root, 7)
    with pytest.raises(hwrts.HwrtsError, match="not a run folder"):
        hwrts.load(root.parent)


def test_cost_is_that_of_the_integers(made):
    cost = hwrts.load(made[0].run.root, 1).cost()
    assert cost.proved
    assert cost.weights == sum(conv.weight_i8.size for conv in hwrts.load(made[0].run.root, 1).network.convs)


def test_verify_finds_no_difference_and_keeps_the_verdict(made, tmp_path, small_verdict):
    moved = hwrts.load(shutil.copytree(made[0].run.root, tmp_path / "run"))
    moved.files.verify.unlink()
    verdict = moved.verify()
    assert (verdict.passed, verdict.mismatches, verdict.compared > 10**5) == (True, 0, True)
    assert re.fullmatch(r"Verdict\(passed=True, compared=\d+, mismatches=0, problems=\[\]\)", repr(verdict))
    assert moved.proved
    model = moved.files.onnx.read_bytes()
    moved.files.onnx.write_bytes(model.replace(b"conv_in", b"conv_xx"))
    with pytest.raises(hwrts.HwrtsError, match="not what was verified"):
        moved.enhance(np.zeros((4, 4, 3), np.uint8))


def test_export_is_the_folder_of_the_command(made, tmp_path):
    manifest = made[0].export(tmp_path / "handover")
    assert (manifest["verdict"], manifest["target"]["name"]) == ("PASSED", "onnx")
    assert {path.name for path in (tmp_path / "handover").iterdir()} >= {"manifest.json", *manifest["files"]}
    with pytest.raises(hwrts.HwrtsError, match=r"^opset and ir_version: are of ONNX files"):
        made[0].export(tmp_path / "other", target="tflite", opset=19)


def test_other_widths_of_a_stage(made, tmp_path, small_verdict):
    run = hwrts.load(shutil.copytree(made[0].run.root, tmp_path / "run"), 1)
    narrow = hwrts.quantize(run, settings={"weight_bits": 4, "steps": 0})
    assert narrow.name == "1-w4a8s0"
    assert narrow.proved
    with pytest.raises(hwrts.HwrtsError, match="exists already; replace it with force=True"):
        hwrts.quantize(run, settings={"weight_bits": 4, "steps": 0})
    with pytest.raises(hwrts.HwrtsError, match=r"^settings: qat\.weight_bits = 9 is not allowed"):
        hwrts.quantize(run, settings={"weight_bits": 9})
    with pytest.raises(hwrts.HwrtsError, match="takes its settings alone"):
        hwrts.quantize(run, "photos")
    said = r"^settings=\{'pixel_bits': 10\}: belongs to the run, whose photographs and float network have 8"
    with pytest.raises(hwrts.HwrtsError, match=said):
        hwrts.quantize(run, settings={"pixel_bits": 10})
    for settings, idle in (
        ({"activation_bits": 4, "hidden_bits": 8}, "hidden_bits: would do nothing: qat.activation_bits = 4"),
        ({"steps": 0, "learning_rate": 1e-4}, "learning_rate: would do nothing: qat.steps = 0 trains"),
    ):
        for source in (run, nn.Conv2d(3, 3, 1)):
            with pytest.raises(hwrts.HwrtsError, match=rf"^qat\.{idle}"):
                hwrts.quantize(source, settings=settings)
    assert not Path("runs/Conv2d").exists()
    same, other = hwrts.load(run.run.root), {"same_size_steps": 1}
    for source, steps in ((same, {"steps": 1}), (run, other), (nn.Conv2d(3, 3, 1), other)):
        with pytest.raises(hwrts.HwrtsError, match=rf"^qat\.{next(iter(steps))}: would do nothing: "):
            hwrts.quantize(source, settings={"weight_bits": 6, **steps})
    for asked, said in (
        ({"same_size_steps": 0, "learning_rate": 1e-4}, "learning_rate: .* qat.same_size_steps = 0 trains"),
        ({"steps": 1}, "steps: would do nothing: a same-size network takes qat.same_size_steps"),
    ):
        with pytest.raises(hwrts.HwrtsError, match=rf"^qat\.{said}"):
            hwrts.quantize(same, settings=asked)
    assert {
        (activations, hidden): _variant(
            run.run,
            1,
            {"activation_bits": activations, "hidden_bits": hidden},
            same_size=False,
            flags=True,
        )[0]
        for activations, hidden in ((4, None), (4, 4), (8, 4), (8, 8))
    } == {(4, None): "1-w8a4", (4, 4): "1-w8a4", (8, 4): "1-w8a8h4", (8, 8): "1-w8a8"}


def test_a_module_of_ones_own_and_arrays(tmp_path, picture, small_verdict):
    first, last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
    assert last.bias is not None
    module = nn.Sequential(first, nn.ReLU(), last)
    module.train().double()
    with torch.no_grad():
        last.bias.fill_(0.5)
    pictures = [picture(70, 80, seed) for seed in range(3)]
    made = hwrts.quantize(module, pictures, output=tmp_path / "own", settings={"weight_bits": 7})
    assert (made.proved, made.name, made.stages) == (True, "1", ("1",))
    assert {conv.weight_bits for conv in made.network.convs} == {7}
    assert module.training  # it is a copy that became float32 and was put into evaluation mode
    assert first.weight.dtype == torch.float64
    assert made.enhance(pictures[0]).shape == (70, 80, 3)
    assert made.run.notes()["command"] == "hwrts.quantize"
    with pytest.raises(hwrts.HwrtsError, match="exists already"):
        hwrts.quantize(module, pictures, output=tmp_path / "own")


def test_modules_and_pictures_that_are_none(tmp_path):
    with pytest.raises(hwrts.HwrtsError, match=r"source = 3 is of type int; give Module or str or Stage$"):
        hwrts.quantize(3)  # type: ignore[arg-type]
    with pytest.raises(hwrts.HwrtsError, match="is of type function; give Module or str or Stage"):
        hwrts.quantize(lambda picture: picture)  # type: ignore[arg-type]
    with pytest.raises(hwrts.HwrtsError, match=r"^picture 0: float32 \(4, 4, 3\); give \(height"):
        hwrts.quantize(nn.Identity(), [np.zeros((4, 4, 3), np.float32)] * 2, output=tmp_path / "own")
    with pytest.raises(hwrts.HwrtsError, match="write inputs and value_range into the file"):
        hwrts.quantize("my.py:build", inputs=lambda picture: picture)
    said = r"^settings=\{'pixel_bits': 10\}: value_range \(-1, 1\) has negative codes, which are of 8 bits"
    ten = {"pixel_bits": 10}
    with pytest.raises(hwrts.HwrtsError, match=said):
        hwrts.quantize(nn.Conv2d(3, 3, 1), output=tmp_path / "own", settings=ten, value_range=(-1, 1))
    with pytest.raises(hwrts.HwrtsError, match=r"^matrix='bt2020': is none of luma; use bt709 or bt601$"):
        hwrts.quantize(nn.Conv2d(1, 1, 1), output=tmp_path / "own", matrix="bt2020")
    assert not (tmp_path / "own").exists()


def test_a_sweep_and_its_networks(made, tmp_path, monkeypatch, small_verdict):
    monkeypatch.setattr("hwrts.api.sweep.local_workers", in_process)
    settings = {
        "axes": {"network.channels": [4], "qat.weight_bits": [8]},
        "base": {
            "network": {"blocks": 0},
            "data": {"patch": 64, "crops_per_image": 4, "val_fraction": 0.5},
            "rts": {"stages": 1, "first_steps": 2, "batch": 2},
            "qat": {"steps": 1},
        },
    }
    before = copy.deepcopy(settings)
    found = hwrts.run_sweep(tmp_path / "sweep", settings, budget="params=9k", data=made[2])
    assert settings == before
    assert len(found.rows) == len(found.results) == 1
    top = found.best()
    assert top == found.front("weight_kib")[0]
    assert found.load(top).proved
    assert found.best({"params": 1}) is None
    with pytest.raises(hwrts.HwrtsError, match="was made with another sweep file or budget"):
        hwrts.run_sweep(tmp_path / "sweep", settings, budget={"params": 8000}, data=made[2])
