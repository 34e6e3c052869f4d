"""hwrts export --format rtl: what is handed over, how it is folded, and what is refused in one line."""

import json
import math
import shutil
import subprocess

import numpy as np
import pytest

from hwrts.errors import ConfigError
from hwrts.export.rtl import circuit_of
from hwrts.export.rtl.counts import counts_of
from hwrts.export.rtl.folding import foldings_of, total_multipliers
from hwrts.fixed_point import PIXEL, GlobalAverage, Input, MaxPool, Multiply, Network, Upsample, load_network
from hwrts.runs.circuit import AskedCircuit

from ..export.rtl.build import residual
from ..fixed_point.build import conv


def test_the_circuit_is_handed_over(workspace, hwrts):
    words = ("export", "runs/tiny", "-o", "out", "--no-check", "--format", "rtl", "--cycles-per-pixel", "64")
    result = hwrts(*words)
    assert result.code == 0, result.err
    assert "take rtl/README.md for chips and FPGAs" in result.out
    assert "files in folders of theirs (manifest.json)" in result.out
    assert len(result.out.splitlines()) < 40
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    wanted = {"rtl/network/hwrts_top.v", "rtl/library/hwrts_window.v", "rtl/Makefile", "vectors/VECTORS.md"}
    assert wanted <= {*manifest["files"]}
    said = json.loads((workspace / "out/rtl/circuit.json").read_text())
    assert {each["operator"] for each in said["layers"]} >= {"Conv", "Add"}
    if shutil.which("make") and shutil.which("iverilog"):
        done = subprocess.run(
            ["make", "-C", "out/rtl", "layer_0"], cwd=workspace, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--multipliers", "9"), "are of --format rtl; add it"),
        (("--format", "rtl", "--mode", "1080p60"), "--mode and --clock-mhz belong together"),
        (("--format", "rtl", "--clock-mhz", "300"), "--mode and --clock-mhz belong together"),
        (("--format", "rtl", "--mode", "1080p60", "--clock-mhz", "inf"), "--clock-mhz inf: is no clock"),
        (
            ("--format", "rtl", "--multipliers", "9", "--cycles-per-pixel", "4"),
            "--multipliers and --cycles-per-pixel: each says how fast the circuit is; use one of them",
        ),
        (("--format", "rtl", "--weights", "ram"), "--weights ram: is not known; use rom or loadable"),
        (
            ("--format", "rtl", "--multipliers", "2"),
            "--multipliers 2: its convolutions and products of two codes need 5 at",
        ),
        (
            ("--format", "rtl", "--mode", "2160p60", "--clock-mhz", "100"),
            "--mode 2160p60: takes 4 clock(s) for each of 124.7 million pixels a second, blanking included; "
            "use --clock-mhz 499 or more",
        ),
        (("--format", "rtl", "--mode", "999p60", "--clock-mhz", "1"), "there is no such video mode"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_what_is_refused(workspace, hwrts, words, message):
    refused = hwrts("export", "runs/tiny", "-o", "out", "--no-check", "--stage", "1", *words)
    assert refused.code == 2
    _, said = refused.err.splitlines()  # the first line is which network
    assert said.startswith("error: ")
    assert message in said
    assert not (workspace / "out").exists()


def test_a_mode_and_a_clock_by_hand():
    """1080p60 of x2 is 540 rows of 960; a window adds a row and two columns: 31.2 million pixels."""
    settings = AskedCircuit(mode="1080p60", clock_mhz=300).settings(residual("x2"))
    assert (settings.widest, settings.cycles, settings.loadable) == (960, 9, False)
    assert 541 * 962 * 60 * 9 <= 300e6 < 541 * 962 * 60 * 10


def test_as_few_clocks_as_multipliers_allow():
    """One more would be too many for one clock less."""
    network = residual("same", channels=8)
    for most in (5, 60, 333):
        cycles = AskedCircuit(multipliers=most).settings(network).cycles
        assert total_multipliers(foldings_of(network, cycles)) <= most
        assert cycles == 1 or total_multipliers(foldings_of(network, cycles - 1)) > most
    with pytest.raises(ConfigError, match="convolutions and products of two codes need 5 at least"):
        AskedCircuit(multipliers=4).settings(network)


def test_an_output_of_one_pixel_is_no_division_by_zero():
    """Every export asks for these settings, also one without a circuit."""
    network = Network((Input("x", 3, PIXEL),), (GlobalAverage("y", "x", PIXEL),))
    assert AskedCircuit().settings(network).widest == 1920


def test_products_of_two_codes_are_multipliers_too():
    """One for each of 3 codes; the convolution has what is left: 9 of its 27 products at a time."""
    layers = (conv("c", "x", np.ones((1, 3, 3, 3))), Multiply("y", ("x", "c"), PIXEL))
    network = Network((Input("x", 3, PIXEL),), layers)
    assert AskedCircuit(multipliers=12).settings(network).cycles == 3
    with pytest.raises(ConfigError, match="need 4 at least"):
        AskedCircuit(multipliers=3).settings(network)


def test_interpolation_looks_beyond_a_frame_too():
    """Two rows and two columns of it; the way out gives four pixels a clock each."""
    network = Network((Input("x", 3, PIXEL),), (Upsample("y", "x", "bicubic", 2, PIXEL),))
    settings = AskedCircuit(mode="1080p60", clock_mhz=300).settings(network)
    assert settings.cycles == 300_000_000 // (542 * 963 * 60)


@pytest.mark.parametrize("said", [{"cycles": 0}, {"multipliers": 0}, {"strips": 0}])
def test_none_is_no_number(said):
    """What the command line does not let through, and Python does."""
    with pytest.raises(ConfigError, match=r" 0: is none; use 1 or more"):
        AskedCircuit(**said).settings(residual("same"))


def test_strips_are_as_few_as_the_mode_takes():
    asked = AskedCircuit(mode="4320p60", clock_mhz=600)
    assert asked.in_strips(residual("same")).strips == 4
    slow = AskedCircuit(mode="4320p60", clock_mhz=1).in_strips(residual("same"))
    with pytest.raises(ConfigError, match=r"--mode 4320p60: takes 1 clock"):
        slow.settings(residual("same"))


@pytest.mark.parametrize("said", [{"clock_mhz": math.nan}, {"weights": "rom2"}, {"cycles": 3}])
def test_what_strips_do_not_mend_needs_none(said):
    asked = AskedCircuit(**{"mode": "1080p60", "clock_mhz": 300, **said}).in_strips(residual("same"))
    assert asked.strips == 1
    with pytest.raises(ConfigError):
        asked.settings(residual("same"))
    with pytest.raises(ConfigError, match="mode"):
        AskedCircuit(mode="x", clock_mhz=300).in_strips(residual("same"))


def test_a_network_without_convolutions_takes_what_it_is_given():
    network = Network((Input("x", 3, PIXEL),), (MaxPool("y", "x", (3, 3), 1, (1, 1, 1, 1)),))
    assert AskedCircuit(multipliers=1).settings(network).cycles == 1


def test_cost_says_what_the_circuit_has(workspace, hwrts):
    words = ("cost", "runs/tiny", "--stage", "1", "--silicon", "--mode", "1080p60", "--clock-mhz", "300")
    said = json.loads(hwrts(*words, "--json").out)["silicon"]
    network = load_network(workspace / "runs/tiny/stage1")
    settings = AskedCircuit(mode="1080p60", clock_mhz=300).settings(network)
    counts = counts_of(circuit_of(network, settings))
    assert said == {"mode": "1080p60", "clock_mhz": 300.0, "strips": 1, "widest": 960, **counts.as_json()}
    table = hwrts(*words)
    assert table.code == 0, table.err
    assert f"{counts.multipliers:,}" in table.out
    assert "silicon" not in json.loads(hwrts("cost", "runs/tiny", "--json").out)


def test_cost_of_a_circuit_needs_integers(workspace, hwrts):
    refused = hwrts("cost", "residual", "--silicon")
    assert (refused.code, refused.err.splitlines()[-1]) == (
        2,
        "error: --silicon: residual has no integers yet, and their accumulators make the circuit; "
        "give a run or stage folder",
    )
