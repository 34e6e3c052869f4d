"""hwrts quantize --check: accepted or not, in seconds, and nothing is written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hwrts.graph.operators.conv import Conv

from .test_bad_input import assert_one_clear_line

FILE = """
import torch
import torch.nn.functional as F
from torch import Tensor, nn

class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)

    def forward(self, x):
        assert isinstance(x, Tensor)
        h = F.gelu(self.a(x))
        return F.pixel_shuffle(self.b(h * torch.sigmoid(h)), 2) + F.interpolate(x, scale_factor=2)

class Attention(Gate):
    def forward(self, x):
        return torch.softmax(super().forward(x).cumsum(2), 2)

def build():
    return Gate()

def attention():
    return Attention()

class Excited(Gate):
    def forward(self, x):
        h = self.a(x)
        return F.pixel_shuffle(self.b(h * torch.sigmoid(h.mean((2, 3), keepdim=True))), 2)

def excited():
    return Excited()

def five():
    return nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.Conv2d(4, 3, 1))

def plain():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(FILE)
    return tmp_path


def test_an_accepted_module(folder, hwrts):
    result = hwrts("quantize", "my.py:build", "--check")
    assert result.code == 0
    for words in ("Conv 3x3", "Lookup", "MAC", "line KiB", "2160p60"):
        assert words in result.out
    assert "ACCEPTED: my.py:build, x2; traced by torch.export, on an example of 96x48 pixels" in result.out
    assert not (folder / "runs").exists()


def test_the_document_of_an_accepted_module(folder, hwrts):
    result = hwrts("quantize", "my.py:plain", "--check", "--json", "--weight-bits", "4")
    document = json.loads(result.out)
    assert (result.code, document["accepted"], document["traced_by"]) == (0, True, "torch.fx")
    assert document["size"] == "same size in and out"
    assert document["macs_per_input_pixel"] == 3 * 4 * 9 + 4 * 3
    assert [layer["operator"] for layer in document["layers"]] == ["Conv", "Conv"]
    assert {layer["weight_bits"] for layer in document["layers"]} == {4}


def test_what_is_lost_at_the_edges_is_said(folder, hwrts):
    Path("valid.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, (5, 3)))\n"
    )
    document = json.loads(hwrts("quantize", "valid.py:build", "--check", "--json").out)
    assert document["size"] == "same size less 6 rows and 4 columns"
    assert document["receptive_field"] == 7


def test_a_form_that_its_file_could_not_hold_is_no_message_of_a_file(folder, hwrts, monkeypatch):
    """As it was of a crop: its taps of 0 were counted in the graph that a file makes, which has no others."""
    placed = Conv.placed

    def miscounted(self, layer):
        made = placed(self, layer)
        return replace(made, idle=made.weight_i8.size) if not self.weight.any() else made

    monkeypatch.setattr(Conv, "placed", miscounted)
    result = hwrts("quantize", "my.py:plain", "--check")
    assert result.code == 2
    assert_one_clear_line(
        result, "could not be read again (layer '_0': the number of idle", "please report it"
    )
    assert "safetensors" not in result.err


def test_a_module_that_cannot_stream_is_accepted_and_that_is_said(folder, hwrts):
    result = hwrts("quantize", "my.py:excited", "--check")
    assert result.code == 0
    said = next(line for line in result.out.splitlines() if line.startswith("not streamable"))
    assert "mean" in said
    assert "made of the whole picture" in said
    assert "ACCEPTED: my.py:excited, x2" in result.out
    document = json.loads(hwrts("quantize", "my.py:excited", "--check", "--json").out)
    assert (document["accepted"], document["streamable"]) == (True, False)
    assert any(layer["operator"] == "GlobalAverage" for layer in document["layers"])
    result = hwrts("quantize", "my.py:plain", "--check")
    assert "not streamable" not in result.out
    assert json.loads(hwrts("quantize", "my.py:plain", "--check", "--json").out)["streamable"] is True


def test_a_refused_module_names_all_that_stands_in_the_way(folder, hwrts):
    result = hwrts("quantize", "my.py:attention", "--check")
    assert result.code == 2
    assert_one_clear_line(result, "2 operators stand in the way", "'cumsum'", "'softmax'", "use a gate")
    result = hwrts("quantize", "my.py:attention", "--check", "--json")
    document = json.loads(result.out)
    assert (result.code, document["accepted"]) == (2, False)
    assert "'softmax'" in document["refused"]


def test_what_nobody_knows_how_to_feed_is_refused_as_by_the_command_itself(folder, hwrts):
    words = "input 'input_1': has 5 channels; write a function inputs(picture)"
    results = [hwrts("quantize", "my.py:five", "--check"), hwrts("quantize", "my.py:five", "-o", "runs/five")]
    for result in results:
        assert result.code == 2
        assert_one_clear_line(result, words)
    assert not (folder / "runs/five/stage1").exists()
    document = json.loads(hwrts("quantize", "my.py:five", "--check", "--json").out)
    assert document["accepted"] is False
    assert words in document["refused"]


def test_a_run_has_nothing_to_check(folder, hwrts):
    result = hwrts("quantize", str(folder), "--check")
    assert result.code == 2
    assert_one_clear_line(result, "--check: is for a module of your own")
