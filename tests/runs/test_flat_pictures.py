"""Photographs on which measures are infinite or undefined: nothing that was trained may be lost for them."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from hwrts.data import to_codes
from hwrts.files.read import read_json
from hwrts.fixed_point import halo, load_network, run
from hwrts.metrics import against_float, psnr_db
from hwrts.progress import Silent
from hwrts.report import write_report
from hwrts.runs.engines import Deployed
from hwrts.runs.evaluate import _jpeg_gain, means
from hwrts.runs.folder import RunFolder, create_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config
from hwrts.sweep.runner import Sweep
from hwrts.sweep.space import candidate, points
from hwrts.sweep.spec import parse_spec
from hwrts.sweep.trial import Task, run_trial

FLAT = {"black": [0, 0, 0], "white": [255, 255, 255], "grey": [128, 128, 128]}


def photographs(root, colour):
    """Textured ones to train on, and one of a single colour to validate on."""
    y, x = np.mgrid[:96, :96]
    for part in ("train", "val"):
        (root / part).mkdir(parents=True)
    for i in range(2):
        plane = 90 + 60 * np.sin(x / (7 + i)) * np.cos(y / 11) + 40 * ((x // 20 + y // 16) % 2)
        pixels = plane[..., None] + np.random.default_rng(i).normal(0, 6, (96, 96, 3))
        Image.fromarray(to_codes(pixels)).save(root / "train" / f"{i}.png")
    Image.new("RGB", (96, 96), tuple(colour)).save(root / "val" / "flat.png")
    return root


def settings(photos):
    return {
        "device": "cpu",
        "precision": "float32",
        "data": {
            "train": str(photos / "train"),
            "val": str(photos / "val"),
            "patch": 32,
            "crops_per_image": 4,
        },
        "network": {"blocks": 0, "channels": 4},
        "rts": {"stages": 1, "first_steps": 2, "batch": 2},
        "qat": {"steps": 1, "same_size_steps": 1},
    }


def finite(path):
    """The numbers of a JSON file, which must be JSON: it knows neither Infinity nor NaN."""
    document = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{path}: {name}"))
    return {key: value for key, value in document.items() if isinstance(value, float)}


def tiny_run(root, photos):
    made = create_run(root / "run", parse_config(settings(photos), "test"), {}, force=False)
    run_stages(open_session(made, Silent()))
    return made, made.stage(1).metrics


def resumed_run(root, photos):
    """Killed after the training, before it was measured."""
    made, measured = tiny_run(root, photos)
    before = read_json(measured)
    measured.unlink()
    run_stages(open_session(made, Silent()))
    after = read_json(measured)
    assert {**after, "seconds": 0} == {**before, "seconds": 0}
    return made, measured


def sweep_trial(root, photos):
    base = {key: value for key, value in settings(photos).items() if key != "network"}
    spec = parse_spec({"base": base, "axes": {"network.channels": [4]}, "halving": {"rungs": 1}}, "test")
    sweep = Sweep(root / "s", spec)
    point = candidate(spec, next(points(spec)))
    task = Task(
        str(sweep.root),
        point.key(sweep.photographs),
        point.float_key(sweep.photographs),
        point.config.model_dump(),
        point.head,
        spec.quality,
        0,
        spec.halving.model_dump(),
    )
    run_trial(task, Silent())
    assert math.isfinite(finite(task.folder / "trial.json")["quality_int8"])
    made = RunFolder(task.folder)
    return made, made.stage(1).metrics


@pytest.mark.usually(make=resumed_run)  # a tiny run too
@pytest.mark.usefixtures("small_verdict")
@pytest.mark.parametrize("make", [tiny_run, resumed_run, sweep_trial])
def test_a_run_measures_a_black_photograph(tmp_path, make):
    made, measured = make(tmp_path, photographs(tmp_path / "photos", FLAT["black"]))
    found = finite(measured)
    assert found["psnr_bicubic_db"] == 99.0  # black stays black, and that is no infinity
    assert all(map(math.isfinite, found.values()))
    assert not [name for name in found if "overshoot" in name or "noise" in name]  # nothing to measure on
    report = write_report(made).read_text("utf-8")
    assert "99.00" in report
    assert "\u221e" not in report


def wrong_levels(network):
    """Levels at which a flat area does not come out as it went in: all side by side, between two borders."""
    scale, side = network.scales[network.output], 5
    wide = side + 2 * halo(network.steps)  # so that no area is seen from the middle of another
    levels = np.arange(256)
    strip = levels.astype(np.uint8).repeat(wide)[None, :, None].repeat(side, 0).repeat(3, 2)
    wrong = np.zeros(256, bool)
    for turned in (False, True):
        found = run(network, np.ascontiguousarray(strip.swapaxes(0, 1)) if turned else strip)
        areas = (found.swapaxes(0, 1) if turned else found).reshape(side * scale, 256, wide * scale, 3)
        middle = areas[:, :, (wide - side) // 2 * scale : (wide + side) // 2 * scale]
        wrong |= (middle != levels[:, None, None]).any((0, 2, 3))
    return np.flatnonzero(wrong).tolist()


@pytest.mark.usefixtures("small_verdict")
def test_every_level_passes_every_network_of_a_run(tmp_path):
    given = settings(photographs(tmp_path / "photos", FLAT["grey"]))
    given["network"] = {"blocks": 1, "channels": 6, "padding": "replicate"}
    given["rts"] |= {"first_steps": 5, "score": False}
    given["qat"] = {"steps": 4, "same_size_steps": 3}
    made = create_run(tmp_path / "run", parse_config(given, "test"), {}, force=False)
    run_stages(open_session(made, Silent()))
    assert len(made.stages()) == 2
    grey = np.random.default_rng(0).integers(0, 256, (24, 20, 1), np.uint8).repeat(3, 2)
    for stage in made.stages():
        network = load_network(stage.root)
        assert wrong_levels(network) == []
        found = run(network, grey)
        assert (found == found[:, :, :1]).all()
        assert any(conv.bias_i32.any() for conv in network.convs)  # it has learnt something


@pytest.mark.parametrize("colour", FLAT.values(), ids=FLAT)
def test_equal_pictures_have_one_form(colour):
    flat = np.full((20, 20, 3), colour, np.uint8)
    assert psnr_db(flat, flat) == psnr_db(flat, flat, luma=True) == 99.0
    assert against_float(flat.astype(np.float32), flat)["fidelity_db"] == 99.0


def test_nearly_equal_ones_are_not_above_equal_ones():
    large = np.zeros((2000, 3000, 3), np.uint8)
    other = large.copy()
    other[0, 0, 0] = 1
    assert psnr_db(large, other) == 99.0


def test_a_mean_is_of_what_is_defined():
    rows = [{"a": 1.0, "b": math.inf}, {"a": math.nan, "b": -math.inf}, {"c": 3.0}]
    assert means(rows) == {"images": 3, "a": 1.0, "c": 3.0}
    assert means([]) == {"images": 0}


def test_a_photograph_longer_than_a_jpeg_has_no_gain_of_one():
    long, short = np.zeros((2, 65_536, 3), np.uint8), np.full((16, 16, 3), [200, 20, 20], np.uint8)
    network = Deployed(lambda codes: codes, halo=0, scale=1)
    assert _jpeg_gain(network, long, long) == {}
    assert _jpeg_gain(network, short, short) == {"jpeg_gain_int8": 1.0}
