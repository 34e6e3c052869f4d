"""hwrts quantize my_file.py:build, as docs/own_network.md shows it, and what can be wrong with it."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from hwrts.fixed_point import load_network, run
from hwrts.runs.own_module import load_own

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

DOCUMENT = (Path(__file__).parents[2] / "docs" / "own_network.md").read_text("utf-8")
FILE, SAVE, _ = re.findall(
    r"```python\n(.*?)```", DOCUMENT, re.DOTALL
)  # the last: tests/runs/test_own_ends.py
COMMANDS = re.findall(r"^    (hwrts .+)$", DOCUMENT, re.MULTILINE)

PLAIN = """
from torch import nn
def build():
    last = nn.Conv2d(4, 3, 1)
    nn.init.constant_(last.bias, 0.5)  # the output of random weights is no picture
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), last)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos", size=(66, 80))
    (tmp_path / "plain.py").write_text(PLAIN)
    return tmp_path


def test_the_document_works(folder, hwrts, monkeypatch):
    (folder / "my_file.py").write_text(FILE)
    monkeypatch.syspath_prepend(folder)
    exec(compile(SAVE, "own_network.md", "exec"), {})
    assert [command.split()[1] for command in COMMANDS] == [
        "quantize",
        "quantize",
        "verify",
        "inspect",
        "export",
        "enhance",
    ]
    for command in COMMANDS:
        if command.split()[1] == "verify":
            (folder / "my_file.py").unlink()  # no command needs it any more
        result = hwrts(*shlex.split(command)[1:])
        assert result.code == 0, (command, result.err)
        if command.split()[1] in ("quantize", "verify"):
            assert re.search(r"PASSED: 0 of [\d,]{7,} codes differ", result.out)
    stage = folder / "runs/sharpener/stage1"
    described = {path.name for path in stage.iterdir()}
    assert described == set(re.findall(r"`(\w[\w.]+\.(?:safetensors|json|npz|onnx))`", DOCUMENT)) - {
        "w.safetensors",
        "run.json",
        "verify_inputs.npz",
    }
    verdict = json.loads((stage / "verify.json").read_text())
    assert (verdict["passed"], verdict["mismatches"]) == (True, 0)
    assert {row["witness"] for row in verdict["rows"]} >= {"torch fake-quantised float32", "onnx.reference"}
    counts = verdict["census"]
    assert (counts["QLinearConv"], counts["QLinearAdd"]) == (3, 2)
    assert not {"Conv", "FusedConv", "Add"} & set(counts)
    with Image.open(folder / "enhanced/photo0.png") as picture:
        assert picture.size == (160, 132)


def test_what_the_function_imports_is_looked_for_beside_the_file(tmp_path):
    """Also when the file moves its own folder about."""
    (tmp_path / "my_own_layers.py").write_text("from torch import nn\nlayer = nn.ReLU")
    (tmp_path / "late.py").write_text(
        "import sys\nsys.path.insert(0, '/somewhere/else')\n"
        "def build():\n    from my_own_layers import layer\n    return layer()"
    )
    before = list(sys.path)
    assert isinstance(load_own(f"{tmp_path / 'late.py'}:build").module, nn.ReLU)
    assert [path for path in sys.path if path != "/somewhere/else"] == before
    sys.path[:] = before


def test_fine_tuning_goes_toward_the_float_module(folder, hwrts):
    (folder / "plain.py").write_text(PLAIN.replace("import nn", "import nn, manual_seed\nmanual_seed(3)"))
    found = []
    for steps in (0, 60):
        arguments = ("--weight-bits", "4", "--qat-steps", steps, "-o", f"out{steps}", "--json", "-q")
        result = hwrts("quantize", "plain.py:build", "--data", "photos", *arguments)
        assert result.code == 0, result.err
        found.append(json.loads(result.out))
    assert [each["scale"] for each in found] == [1, 1]
    assert found[1]["fidelity_db"] > found[0]["fidelity_db"] + 1


def test_without_fine_tuning_none_is_reported(folder, hwrts):
    result = hwrts("quantize", "plain.py:build", "--data", "photos")
    assert result.code == 0, result.err
    assert "choosing formats" in result.err
    assert "fine-tuning" not in result.err


def test_a_same_size_module_and_its_weights(folder, hwrts):
    torch.manual_seed(5)
    module = load_own("plain.py:build").module
    save_file({name: 0.3 * value for name, value in module.state_dict().items()}, "w.safetensors")
    command = (
        "quantize",
        "plain.py:build",
        "--weights",
        "w.safetensors",
        "--rounding",
        "half_up",
        "--data",
        "photos",
    )
    assert hwrts(*command, "-q").code == 0
    notes = json.loads((folder / "runs/plain-build/run.json").read_text())
    assert (notes["module"], notes["weights"]) == ("plain.py:build", "w.safetensors")
    assert notes["qat"]["rounding"] == "half_up"
    again = load_own("plain.py:build", Path("w.safetensors")).module
    network = load_network(folder / "runs/plain-build/stage1")
    with Image.open("photos/photo0.png") as file:
        pixels = np.asarray(file)[:24, :30]
    with torch.inference_mode():
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 256
        expected = (again(x)[0].permute(1, 2, 0) * 256).clamp(0, 255)
    assert np.abs(run(network, pixels) - expected.numpy()).mean() < 2  # it is these weights
    assert_one_clear_line(hwrts(*command), "exists already", "--force")
    assert hwrts(*command, "--force", "-q").code == 0
    same = hwrts("enhance", "photos/photo0.png", "-o", "same.png", "--run", "runs/plain-build", "-q")
    assert same.code == 0, same.err
    with Image.open("same.png") as picture:
        assert picture.size == (80, 66)
    x2 = hwrts("enhance", "photos/photo0.png", "-o", "x2.png", "--run", "runs/plain-build", "--x2")
    assert_one_clear_line(x2, "keeps the size")
    assert_one_clear_line(hwrts("run", "--resume", "runs/plain-build"), "not trained by hwrts run")
    assert_one_clear_line(hwrts("quantize", "runs/plain-build"), "not trained by hwrts run")


def test_a_network_that_fails_its_verification_ends_with_1(folder, hwrts, monkeypatch):
    import hwrts.runs.quantise as quantise
    from hwrts.export import to_onnx

    exact = to_onnx

    def wrong(network, **kinds):
        model = exact(network, **kinds)
        weight = next(each for each in model.graph.initializer if each.name.endswith(".weight"))
        weight.raw_data = bytes([weight.raw_data[0] ^ 1]) + weight.raw_data[1:]
        return model

    monkeypatch.setattr(quantise, "to_onnx", wrong)
    result = hwrts("quantize", "plain.py:build", "--data", "photos", "-q")
    assert result.code == 1
    assert "FAILED" in result.out
    assert (folder / "runs/plain-build/stage1/verify.json").is_file()  # recorded, not hidden


BROKEN = {
    "none.py:build": ("none.py", "no such file"),
    "plain.py:make": ("has no function 'make'", "it has build"),
    "plain.py": ("name the function", "plain.py:build"),
    "fails.py:build": ("its code fails", "ZeroDivisionError"),
    "wants.py:build": ("build() fails", "called without arguments"),
    "string.py:build": ("returns a str", "torch.nn.Module"),
    "softmax.py:build": ("Softmax", "is not supported", "'1'"),
    "five.py:build": ("input 'input_1': has 5 channels; write a function inputs(picture)",),
    "shapes.py:build": ("fails on a picture",),
    "hook.py:build": ("something else than its traced graph",),
}
LAYERS = {
    "softmax.py": "Conv2d(3, 3, 1), Softmax(2)",
    "five.py": "Conv2d(5, 4, 3, padding=1)",
    "shapes.py": "Conv2d(3, 4, 1), Conv2d(5, 3, 1)",
}
SOURCES = {
    "fails.py": "1 / 0",
    "wants.py": "def build(width):\n    return width",
    "string.py": "def build():\n    return 'network'",
    "hook.py": (
        "from torch import nn\ndef build():\n    conv = nn.Conv2d(3, 3, 1)\n"
        "    conv.register_forward_hook(lambda m, x, y: y + 1)\n    return nn.Sequential(conv)"
    ),
    **{
        name: f"from torch.nn import *\ndef build():\n    return Sequential({layers})"
        for name, layers in LAYERS.items()
    },
}


@pytest.mark.parametrize("reference", BROKEN)
def test_modules_that_cannot_be_quantised(folder, hwrts, reference):
    for name, source in SOURCES.items():
        (folder / name).write_text(source)
    assert_one_clear_line(hwrts("quantize", reference, "--data", "photos"), *BROKEN[reference])
    assert not list(folder.glob("runs/*"))


def test_weights_that_do_not_fit(folder, hwrts):
    def refused(tensors, *words):
        save_file(tensors, "w.safetensors")
        assert_one_clear_line(hwrts("quantize", "plain.py:build", "--weights", "w.safetensors"), *words)

    right = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1)).state_dict()
    refused({"0.weight": right["0.weight"]}, "does not fit", "0.bias is missing", "2.weight is missing")
    refused({**right, "extra": torch.zeros(1)}, "extra is in no layer")
    refused({**right, "0.bias": torch.zeros(7)}, "0.bias is [7], the module has [4]")
    (folder / "w.safetensors").write_bytes(b"pickle")
    unreadable = hwrts("quantize", "plain.py:build", "--weights", "w.safetensors")
    assert_one_clear_line(unreadable, "cannot be read as safetensors", "save_file")
    torch.save({"epoch": 3}, "w.safetensors")
    assert_one_clear_line(
        hwrts("quantize", "plain.py:build", "--weights", "w.safetensors"), "no state dict is in it"
    )
    assert_one_clear_line(
        hwrts("quantize", "plain.py:build", "--weights", "no.safetensors"), "no.safetensors"
    )


def test_flags_of_the_other_kind_are_refused(workspace, hwrts):
    for flag in ("--weights", "--data", "--output"):
        assert_one_clear_line(hwrts("quantize", "runs/tiny", flag, "x"), flag, "my_file.py:build")
    (workspace / "plain.py").write_text(PLAIN)
    assert_one_clear_line(hwrts("quantize", "plain.py:build", "--stage", "1"), "--stage", "for run folders")
    assert_one_clear_line(hwrts("quantize", "plain.py:build", "--data", "nowhere"), "nowhere")


CONV = """
import torch
from torch import nn
def build():
    conv = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        conv.weight.copy_({scale} * torch.eye(3)[..., None, None])
        conv.bias.fill_({bias})
    return nn.Sequential(conv)
"""


@pytest.mark.parametrize(
    ("scale", "bias", "code", "words"),
    [
        (255, 0, 1, ["probably 0..255", "below 10 dB; exit code 1"]),
        (-1, -0.1, 1, ["100.0 % of its output saturates", "below 10 dB; exit code 1"]),
        (1, 0.2, 0, ["a display clips the rest too"]),
        (0.9, 0, 0, []),
    ],
)
def test_a_module_whose_output_is_no_picture_is_said(folder, hwrts, scale, bias, code, words):
    """Proved bits of a network that computes something else: which had 80 to 99 dB and exit code 0."""
    (folder / "m.py").write_text(CONV.format(scale=scale, bias=bias))
    arguments = ("quantize", "m.py:build", "--data", "photos", "-q")
    result = hwrts(*arguments)
    assert result.code == code
    verdict = re.search(
        r"^PASSED: 0 of [\d,]+ codes differ; int8 against float (-?[\d.]+) dB, ([\d.]+) % of the output "
        r"saturates$",
        result.out,
        re.MULTILINE,
    )
    assert verdict
    lines = result.err.splitlines()
    assert len(lines) == len(words)
    for word, line in zip(words, lines, strict=True):
        assert line.startswith("warning: ")
        assert word in line
    result = hwrts(*arguments, "--force", "--json")
    found = json.loads(result.out)
    assert (result.code, found["passed"], found["faithful"]) == (code, True, code == 0)
    assert found["warnings"] == [line.removeprefix("warning: ") for line in lines][:1]
    assert f"{found['fidelity_db']:.2f}" == verdict[1]
    assert (found["saturated_percent"] > 1) == bool(words)
    assert (found["fidelity_db"] < 30) == bool(words)
