"""Modules of any channels, inputs, outputs and ranges of pixels, from a file to a verdict."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hwrts.config import QatConfig
from hwrts.errors import ConfigError, RunFolderError, UnsupportedOperatorError
from hwrts.fixed_point import PIXEL, Format, Input, Rounding, load_network, run_outputs
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import RunFolder, write_json
from hwrts.runs.own_check import check_own_module
from hwrts.runs.own_ends import Normalised, Own, value_range
from hwrts.runs.own_module import load_own
from hwrts.runs.quantise import verify_stage
from hwrts.runs.quantise_own import quantise_own
from hwrts.runs.verify_inputs import load_verify_inputs, save_fed

from .own_files import FILES, source
from .tiny import Lines, photographs


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("own") / "photos", size=96)


def quantised(folder, name, photos, rounding=Rounding.HALF_EVEN, **settings):
    file = folder / "net.py"
    file.write_text(FILES[name])
    own = load_own(f"{file}:build")
    root = folder / "run"
    root.mkdir()
    notes = {} if own.inputs is None else {"inputs": "net.py:inputs"}
    write_json(root / "run.json", {"module": "net.py:build", **notes})
    said = Lines()
    qat = QatConfig(rounding=rounding.value, **{"steps": 0, **settings})
    verdict = quantise_own(RunFolder(root), own, photos, qat, said)
    return RunFolder(root), verdict, said.said


@pytest.mark.in_turns
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.usefixtures("small_verdict")
def test_every_form_is_proved(tmp_path, photos, name, rounding):
    run, verdict, _ = quantised(tmp_path, name, photos, rounding)
    assert verdict.passed, (verdict.problems, verdict.mismatches)
    assert verdict.mismatches == 0
    again = verify_stage(run, run.stage(1), record=False)  # from files alone: without the user's code
    assert again.compared == verdict.compared
    measures = run.stage(1).metrics.read_text()
    assert '"fidelity_db"' in measures


@pytest.mark.usefixtures("small_verdict")
def test_fine_tuning_takes_every_form(tmp_path, photos, watched):
    run, verdict, _ = quantised(tmp_path, "a state", photos, steps=3)
    assert verdict.passed
    assert watched == [0]  # toward its own output it begins where it should end: nothing pulls at it
    network = load_network(run.stage(1).root)
    assert network.formats["h"] == network.formats[network.outputs[1]]


def network_of(tmp_path, name, photos):
    run, _, said = quantised(tmp_path, name, photos)
    return load_network(run.stage(1).root), run, said


@pytest.mark.usefixtures("small_verdict")
def test_a_state_has_one_format_on_both_sides(tmp_path, photos):
    """What comes out goes in again as it is, frame after frame."""
    network, _, said = network_of(tmp_path, "a state", photos)
    before, after = network.formats["h"], network.formats[network.outputs[1]]
    assert before == after
    assert before.signed
    assert "its output 2 of the frame before" in " ".join(said)
    rng = np.random.default_rng(0)
    state = np.zeros((8, 8, 8), before.dtype)
    for _ in range(3):
        picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
        made = run_outputs(network, {"x": picture, "h": state})
        state = made[network.outputs[1]]
    assert state.any()


@pytest.mark.usefixtures("small_verdict")
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("0..255", Format(False, 8, 0)),
        ("-1..1", Format(True, 8, 7)),
        ("normalised", PIXEL),
        ("two frames", PIXEL),
    ],
)
def test_pixels_stay_bytes_in_every_range(tmp_path, photos, name, form):
    network, run, _ = network_of(tmp_path, name, photos)
    assert network.inputs[0].out == form
    assert network.formats[network.output] == form
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    numpy, onnx = (make_engine(engine, run.stage(1)).upscale(pixels) for engine in ("numpy", "onnxruntime"))
    assert numpy.dtype == np.uint8
    np.testing.assert_array_equal(numpy, onnx)


@pytest.mark.usefixtures("small_verdict")
def test_outputs_that_are_no_pictures_have_formats_of_their_own(tmp_path, photos):
    network, _, _ = network_of(tmp_path, "outputs of two sizes", photos)
    small, large, _features = network.outputs
    assert network.formats[small] == PIXEL
    assert [network.scales[name] for name in network.outputs] == [1, 2, 1]
    assert network.formats[large].signed  # of random weights: half of it is negative


@pytest.mark.usefixtures("small_verdict")
def test_pictures_are_refused_where_the_file_says_what_is_made_of_them(tmp_path, photos):
    _, run, _ = network_of(tmp_path, "packed 4:2:0", photos)
    with pytest.raises(Exception, match=r"made by net\.py:inputs, which is no part of the run"):
        make_engine("numpy", run.stage(1)).enhance(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0, 1), PIXEL),
        ((0, 255), Format(False, 8, 0)),
        ((0, 256), Format(False, 8, 0)),
        ((-1, 1), Format(True, 8, 7)),
        ((-0.5, 0.5), Format(True, 8, 8)),
    ],
)
def test_ranges_that_are_formats(given, expected):
    assert value_range(given, "f.py").out == expected


@pytest.mark.parametrize(
    "given", [(1, 0), (0,), "0..1", {"mean": 1}, {"mean": 0, "std": 0}, (0, float("inf"))]
)
def test_what_is_no_range(given):
    with pytest.raises(ConfigError, match=r"^f\.py: value_range is .*give the values of black and white"):
        value_range(given, "f.py")


def written(tmp_path: Path, text: str) -> Own:
    file = tmp_path / "net.py"
    file.write_text(text)
    return load_own(f"{file}:build")


PLAIN = ("conv(3, 6), conv(6, 3), None", "x", "return self.b(F.relu(self.a(x)))")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("def inputs(picture): return 1 / 0", "inputs(): fails on a picture (3, 32, 32) (line"),
        ("def inputs(picture): return 5", "inputs(): returns int; a float tensor"),
        ("def inputs(picture): return picture[None]", "inputs(): returns torch.float32 (1, 3, 32, 32)"),
        ("def inputs(picture): return {'y': picture}", "inputs(): returns y; the forward of Net takes x"),
        ("def inputs(picture): return picture[:2]", "fails on a picture of 2 channels"),
        ("def inputs(picture): return picture, picture", "fails on inputs of"),
    ],
)
def test_inputs_that_cannot_be_fed(tmp_path, more, said):
    with pytest.raises(UnsupportedOperatorError) as caught:
        check_own_module(written(tmp_path, source(*PLAIN, more)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_five_channels_need_a_word(tmp_path):
    text = source("conv(5, 6), conv(6, 3), None", "x", "return self.b(F.relu(self.a(x)))")
    checked = check_own_module(written(tmp_path, text))
    with pytest.raises(UnsupportedOperatorError, match=r"input 'x': has 5 channels; write a function inputs"):
        checked.feeder.given(np.zeros((1, 8, 8, 3), np.uint8), "cpu")
    with pytest.raises(UnsupportedOperatorError, match=r"input 'x': has 5 channels; write a function inputs"):
        checked.feeder.said()


def test_normalised_pixels_are_those_of_the_module(tmp_path):
    own = written(tmp_path, FILES["normalised"])
    mean, std = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = torch.rand(1, 3, 9, 9)
    assert isinstance(own.module, Normalised)
    torch.testing.assert_close(own.module(x), own.module.module((x - mean) / std) * std + mean)


DOCUMENT = (Path(__file__).parents[2] / "docs" / "own_network.md").read_text("utf-8")


@pytest.mark.usefixtures("small_verdict")
def test_the_module_of_the_document(tmp_path, photos, monkeypatch):
    (text,) = (block for block in DOCUMENT.split("```python\n")[1:] if "def inputs(" in block)
    monkeypatch.setitem(FILES, "document", text.partition("```")[0])
    run, verdict, said = quantised(tmp_path, "document", photos)
    assert verdict.passed
    network = load_network(run.stage(1).root)
    assert [each.channels for each in network.inputs] == [3, 1, 8]
    assert network.formats["noise"] == PIXEL
    assert network.formats["before"] == network.formats[network.outputs[1]]
    assert any("inputs()" in line for line in said)


def test_pictures_of_a_larger_second_input_are_larger(tmp_path):
    """A frame before of twice the size: it was called damaged after the whole quantisation."""
    inputs = Input("x", 3, PIXEL), Input("before", 3, PIXEL, grow=2)
    run = RunFolder(tmp_path)
    sides = {"x": (96, 112), "before": (192, 224)}
    save_fed(run, {"photo a": {name: np.zeros((*side, 3), np.uint8) for name, side in sides.items()}})
    found = load_verify_inputs(run, inputs)
    assert {name: codes.shape[:2] for name, codes in found.items()} == {
        f"photo a [{name}]": side for name, side in sides.items()
    }
    save_fed(
        run, {"photo a": {"x": np.zeros((96, 112, 3), np.uint8), "before": np.zeros((999, 999, 3), np.uint8)}}
    )
    with pytest.raises(RunFolderError, match="at most 254x258"):
        load_verify_inputs(run, inputs)


@pytest.mark.usefixtures("small_verdict")
def test_a_difference_of_frames_has_a_format_for_frames_that_differ(tmp_path, photos):
    """Of two equal pictures it was 0 everywhere: real frames were 70 codes from the module."""
    network, _, said = network_of(tmp_path, "a frame before", photos)
    assert "before is fed the picture, moved by 2 pixels and with noise as another frame" in " ".join(said)
    apart = next(form for name, form in network.formats.items() if name.startswith("abs"))
    assert apart.max * 2.0**-apart.frac > 0.2
