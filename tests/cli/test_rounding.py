"""hwrts quantize --rounding CONVOLUTIONS,ADDITIONS and --exact-additions, from the flag to the manifest."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hwrts.fixed_point import Rounding, load_network, run

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

BLOCK = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Conv2d(6, 3, 3, padding=1)
        with torch.no_grad():
            self.first.weight.mul_(5)
            self.second.weight.mul_(0.1)  # on a finer grid than what it is added to
            self.last.weight.mul_(0.02)

    def forward(self, x):
        h = self.first(x)
        return x + self.last(h + self.second(h).relu())

build = Block
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos", size=(66, 80))
    (tmp_path / "block.py").write_text(BLOCK)
    return tmp_path


def test_two_rules_from_the_flag_to_the_manifest(folder, hwrts):
    command = ("quantize", "block.py:build", "--data", "photos", "-q", "-o", "made")
    assert_one_clear_line(hwrts(*command, "--rounding", "half_even,up"), "--rounding", "half_even,half_up")
    result = hwrts(*command, "--rounding", "double,half_away", "--qat-steps", "2")
    assert result.code == 0, result.err
    network = load_network(folder / "made/stage1")
    assert (network.rounding, network.additions) == (Rounding.DOUBLE, Rounding.HALF_AWAY)
    verdict = json.loads((folder / "made/stage1/verify.json").read_text())
    assert (verdict["passed"], verdict["rounding"]) == (True, "double")
    names = [control["name"] for control in verdict["controls"]]
    assert sum(name.startswith("rounding ") for name in names) == 2, (names, verdict["untold"])
    assert hwrts("verify", "made").code == 0  # read again from its files
    assert "rounding double, of additions half_away" in hwrts("inspect", "made").out
    described = json.loads(hwrts("inspect", "made", "--json").out)
    assert (described["rounding"], described["rounding_of_additions"]) == ("double", "half_away")
    assert hwrts("export", "made", "-o", "out").code == 0
    manifest = json.loads((folder / "out/manifest.json").read_text())
    assert (manifest["rounding"], manifest["rounding_of_additions"]) == ("double", "half_away")
    assert manifest["additions_that_drop_bits"]


def test_exact_additions_have_the_same_codes_under_every_rule(folder, hwrts):
    command = ("quantize", "block.py:build", "--data", "photos", "-q", "-o", "made", "--exact-additions")
    result = hwrts(*command, "--rounding", "half_even,floor")
    assert result.code == 0, result.err
    network = load_network(folder / "made/stage1")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    found = {run(replace(network, additions=rule), pixels).tobytes() for rule in Rounding}
    assert len(found) == 1
    assert hwrts("export", "made", "-o", "out").code == 0
    assert json.loads((folder / "out/manifest.json").read_text())["additions_that_drop_bits"] == []
