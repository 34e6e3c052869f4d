"""--strength, --coring and --overshoot of enhance, export and handover."""

import json
import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest
from PIL import Image

from hwrts.export import open_session
from hwrts.fixed_point import Adjusted, adjusted, has_register, load_network, run

from .test_bad_input import assert_one_clear_line
from .test_own_network import PLAIN

RUN = ("--run", "runs/tiny")
EXPORT = ("export", "runs/tiny", "-o", "out", "--stage", "1-same", "--no-check", "-q")


def codes(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def photo(workspace):
    return codes(workspace / "photos" / "photo0.png")


@pytest.mark.parametrize("stage", ["1-same", "1"])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_enhance_gives_the_codes_of_the_adjusted_integers(workspace, hwrts, photo, stage, engine):
    words = ("enhance", "photos/photo0.png", *RUN, "--stage", stage, "--engine", engine, "-q")
    size = () if "same" in stage else ("--x2",)
    how = ("--strength", "1.8125", "--coring", "1", "--overshoot", "4")
    result = hwrts(*words, *size, "-o", "out.png", *how, "--json")
    assert result.code == 0, result.err
    (entry,) = json.loads(result.out)
    assert [entry[name] for name in ("strength", "coring", "overshoot")] == [1.8125, 1, 4]
    network = load_network(workspace / f"runs/tiny/stage{stage}")
    expected = run(adjusted(network, Adjusted(29, False, 1, 4)), photo, "int64")
    np.testing.assert_array_equal(codes(workspace / "out.png"), expected)
    assert (expected != run(network, photo)).any()


def test_strength_1_gives_the_same_bytes_and_0_the_picture(workspace, hwrts, photo):
    words = ("enhance", "photos/photo0.png", *RUN, "-q", "-o")
    for name, how in (("plain", ()), ("one", ("--strength", "1")), ("none", ("--strength", "0"))):
        assert hwrts(*words, f"{name}.png", *how).code == 0
    assert (workspace / "plain.png").read_bytes() == (workspace / "one.png").read_bytes()
    np.testing.assert_array_equal(codes(workspace / "none.png"), photo)
    assert (codes(workspace / "plain.png") != photo).any()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("--strength", "0.7"), "--strength 0.7: is no multiple of 1/16 from 0 to 2; use 0.6875 or 0.75"),
        (
            ("--strength", "2.0625"),
            "--strength 2.0625: is no multiple of 1/16 from 0 to 2; use 0 to 2, such as",
        ),
        (("--strength", "-0.5"), "--strength -0.5: is no multiple of 1/16 from 0 to 2; use 0 to 2, such as"),
        (("--strength", "nan"), "--strength nan: is no multiple of 1/16 from 0 to 2; use 0 to 2, such as"),
        (("--strength", "inf"), "--strength inf: is no multiple of 1/16 from 0 to 2; use 0 to 2, such as"),
        (("--strength", "0x"), "Invalid value for '--strength'"),
        (("--coring", "-1"), "--coring -1: is no such number of codes; use 0 to 127"),
        (("--coring", "128"), "--coring 128: is no such number of codes; use 0 to 127"),
        (("--overshoot", "256"), "--overshoot 256: is no such number of codes; use 0 to 255"),
    ],
)
def test_other_numbers_end_in_one_line(workspace, hwrts, how, said):
    for words in (("enhance", "photos/photo0.png", "-o", "out.png", *RUN), EXPORT):
        assert_one_clear_line(hwrts(*words, *how), said)
    assert not (workspace / "out.png").exists()
    assert not (workspace / "out").exists()


def test_torch_has_no_other_strength(workspace, hwrts):
    words = ("enhance", "photos/photo0.png", "-o", "out.png", *RUN, "--engine", "torch")
    assert_one_clear_line(hwrts(*words, "--coring", "1"), "engine torch", "use onnxruntime, numpy or native")


def test_a_network_without_a_correction_is_refused(workspace, hwrts):
    (workspace / "own.py").write_text(PLAIN)
    made = hwrts("quantize", "own.py:build", "--data", "photos", "-o", "runs/own", "-q")
    assert made.code == 0, made.err
    words = ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/own", "--strength", "0.5")
    assert_one_clear_line(hwrts(*words), "has no correction that could be weighed", "anchor form")


def test_a_slider_is_handed_over_as_a_second_input(workspace, hwrts, photo):
    words = (*EXPORT, "--strength-input", "--coring", "1", "--overshoot", "4")
    result = hwrts(*words, "--format", "vectors")
    assert result.code == 0, result.err
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    source = {"run": "tiny", "stage": "1-same", "strength": "input", "coring": 1, "overshoot": 4}
    assert (manifest["verdict"], manifest["source"]) == ("PASSED", source)
    verdict = json.loads((workspace / "out/verify.json").read_text())
    assert (verdict["passed"], verdict["mismatches"], verdict["tolerance"]) == (True, 0, 0)
    assert verdict["compared"] > 1e5
    network, plain = load_network(workspace / "out"), load_network(workspace / "runs/tiny/stage1-same")
    assert has_register(network)
    assert verdict["sha256"]["network.npz"] == manifest["files"]["network.npz"]["sha256"]
    model = onnx.load(workspace / "out/model.int8.onnx")
    picture, strength = (each.name for each in model.graph.input)
    session = open_session(model.SerializeToString())
    for code in (0, 16, 17, 32):
        stored = {picture: photo.transpose(2, 0, 1)[None], strength: np.full((1, 1, 1, 1), code, np.uint8)}
        expected = run(adjusted(plain, Adjusted(code, False, 1, 4)), photo, "int64")
        np.testing.assert_array_equal(session.run(None, stored)[0][0].transpose(1, 2, 0), expected)


def test_a_number_is_handed_over_as_a_network_of_its_own(workspace, hwrts, photo):
    assert hwrts(*EXPORT, "--strength", "0.75", "--format", "c").code == 0
    assert json.loads((workspace / "out/manifest.json").read_text())["source"]["strength"] == 0.75
    plain = load_network(workspace / "runs/tiny/stage1-same")
    expected = run(adjusted(plain, Adjusted(12)), photo, "int64")
    np.testing.assert_array_equal(run(load_network(workspace / "out"), photo), expected)
    assert "lighter" in (workspace / "out/c/model.c").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--strength-input", "--strength", "1"), ("--strength 1: is given by --strength-input",)),
        (("--strength", "0.5", "--target", "float"), ("--target float", "leave those out")),
    ],
)
def test_what_cannot_be_handed_over(workspace, hwrts, more, said):
    assert_one_clear_line(hwrts(*EXPORT, *more), *said)
    assert not (workspace / "out").exists()


def test_a_kit_holds_the_slider_in_verilog_and_in_c(workspace, hwrts):
    words = (
        "handover",
        "runs/tiny",
        "-o",
        "out",
        "--stage",
        "1-same",
        "--no-check",
        "-q",
        "--strength-input",
    )
    result = hwrts(*words)
    assert result.code == 0, result.err
    assert "const uint8_t *in1" in (workspace / "out/c/model.h").read_text()
    if shutil.which("make") and shutil.which("cc"):
        done = subprocess.run(
            ["make", "-C", "out", "check-c"], cwd=workspace, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"c: [\w.]+: PASSED, 0 of [\d,]+ codes", done.stdout)
        assert "FAILED" not in done.stdout
    assert "strength input" in (workspace / "out/README.md").read_text()
    assert "strength" in (workspace / "out/rtl/network/hwrts_top.v").read_text()
