"""hwrts run --network NAME."""

import json
import re

import pytest

from hwrts.errors import ConfigError
from hwrts.runs.settings import resolve_config

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line


def test_another_network_by_name(tmp_path, hwrts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos", size=(66, 80))
    size = "--blocks 1 --channels 4 --stages 1 --first-steps 2 --batch 2 --patch 32 --qat-steps 1 --no-score"
    result = hwrts("run", "--network", "abpn", "--data", "photos", *size.split())
    assert result.code == 0, result.err
    assert "ABPN, 1 block, 4 channels: no image residual with a linear tail" in result.err
    run = tmp_path / "runs/photos-abpn1x4"
    assert json.loads((run / "stage1/verify.json").read_text())["passed"] is True
    assert 'name = "abpn"' in (run / "config.toml").read_text()
    assert "ABPN, 1 block, 4 channels" in (run / "report.html").read_text()
    enhanced = hwrts("enhance", "photos/photo0.png", "-o", "out.png", "--run", run, "-q")
    assert enhanced.code == 0, enhanced.err  # D(S(x)), for there is no same-size network
    refused = hwrts("quantize", run, "--same-size", "-q")
    assert_one_clear_line(refused, "no same-size form")


def test_the_recipe_of_up_scaling(tmp_path, hwrts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos", size=(66, 80))
    size = "--blocks 1 --channels 4 --first-steps 3 --batch 2 --patch 32 --qat-steps 2"
    result = hwrts("run", "upscale", "--data", "photos", "--name", "up", *size.split())
    assert result.code == 0, result.err
    assert "for:    up-scaling of clean pictures (bicubic LR without JPEG)" in result.out
    _, _, ends = result.out.partition("next:")
    assert re.findall(r"hwrts (\w+)", ends) == ["enhance", "export", "handover", "evaluate"]
    page = (tmp_path / "runs/up/report.html").read_text()
    assert "SESR, 1 block, 4 channels: 684 weights (biases not counted); 684 weights of 8 bits" in page
    assert "up-scaling of clean pictures" in page
    measured = hwrts("evaluate", "runs/up", "--data", "photos", "--json", "-q")
    warnings = json.loads(measured.out)["warnings"]
    assert all("trained to enhance" not in text for text in warnings)
    enhanced = hwrts("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/up", "--x2")
    assert enhanced.code == 0, enhanced.err
    assert "trained to enhance" not in enhanced.err


def test_blocks_and_channels_of_a_file_are_those_of_its_own_network():
    other = resolve_config("paper", {"network.name": "srcnn"})
    assert (other.network.blocks, other.network.channels, other.rts.epochs) == (None, 64, 20)
    assert resolve_config("paper", {"network.blocks": 6}).network.channels == 64
    assert resolve_config("paper", {"network.name": "vdsr", "network.blocks": 8}).network.slug == "vdsr8x64"
    with pytest.raises(ConfigError, match="srcnn has three layers and no blocks"):
        resolve_config("paper", {"network.name": "srcnn", "network.blocks": 3})


def test_unknown_networks_are_refused_with_those_there_are(tmp_path, hwrts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_one_clear_line(hwrts("run", "--network", "swinir"), "network.name", "'quicksrnet'")
