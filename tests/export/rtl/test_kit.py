"""The folder that is handed over: complete, deterministic, and its check passes and fails as it should."""

import json
import shutil
import subprocess

import pytest

from hwrts.export.rtl import Settings
from hwrts.export.rtl.kit import rtl_files
from hwrts.fixed_point import HwrtsError

from .build import residual
from .simulate import needs


@pytest.fixture(scope="module")
def network():
    return residual("x2", channels=2)


@pytest.fixture(scope="module")
def kit(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    for name, text in rtl_files(network, Settings(widest=32, cycles=16)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def make(folder, *targets):
    return subprocess.run(["make", *targets], cwd=folder, capture_output=True, text=True, timeout=600)


def test_its_check_passes_with_make_and_icarus_alone(kit):
    needs("iverilog")
    needs("make")
    done = make(kit, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all streams are equal" in done.stdout


def test_its_check_fails_where_a_bit_of_a_weight_differs(kit, tmp_path):
    """The lowest one of a weight in the middle: what whole pictures may not show, the layer alone does."""
    needs("iverilog")
    shutil.copytree(kit, tmp_path / "kit")
    number = next(
        each["number"] for each in json.loads((kit / "circuit.json").read_text())["layers"]
        if each["name"] == "conv_out"
    )  # fmt: skip
    (path,) = (tmp_path / "kit" / f"layer_{number}").glob("*_weights.mem")
    lines = path.read_text().splitlines()
    middle = len(lines) // 2
    lines[middle] = f"{int(lines[middle], 16) ^ 1:0{len(lines[middle])}x}"
    path.write_text("\n".join(lines) + "\n")
    done = make(tmp_path / "kit", f"layer_{number}/.checked", "-B")
    assert done.returncode != 0
    assert "FAILED" in done.stdout


def test_what_it_says_of_itself(kit, network):
    said = json.loads((kit / "circuit.json").read_text())
    assert [each["name"] for each in said["layers"]] == [layer.name for layer in network.layers]
    assert said["rounding"] == "half_even"
    files = {str(path.relative_to(kit / "network")) for path in (kit / "network").glob("*.mem")}
    assert {name for each in said["layers"] for name in each["memories"]} == files
    rows = {(each["from"], each["to"]): each["words"] for each in said["queues"]}
    assert rows["t0_x", "t5_conv_ext_x"] > 3 * 32  # as planned, and a few words
    assert "multipliers | " in (kit / "README.md").read_text()


def test_the_same_network_gives_the_same_files(network):
    settings = Settings(widest=32, cycles=16)
    assert rtl_files(network, settings) == rtl_files(network, settings)


@pytest.mark.parametrize("widest", [1, 1 << 15])
def test_frames_that_no_counter_holds_are_refused(network, widest):
    with pytest.raises(HwrtsError, match=rf"frames of {widest} columns are not supported; use 2\.\.32767"):
        rtl_files(network, Settings(widest=widest))
