"""The folder that is handed over: complete, deterministic, and its check passes and fails as it should."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.rtl import Settings
from hwrts.export.rtl.kit import rtl_files
from hwrts.export.vectors import files as written
from hwrts.export.vectors.cases import SIZES
from hwrts.fixed_point import PIXEL, Format, HwrtsError, Input, Lookup, Network
from hwrts.runs.vectors import Vectors

from .build import random_conv, residual
from .simulate import needs

SETTINGS = Settings(widest=32, cycles=16)


@pytest.fixture(scope="module")
def network():
    return residual("x2", channels=2)


@pytest.fixture(scope="module")
def vectors(network):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "SIZES", SIZES[-1:])  # the smallest
        return written.vector_files(network, {})


@pytest.fixture(scope="module")
def cases(vectors):
    return json.loads(vectors["manifest.json"])["cases"]


@pytest.fixture(scope="module")
def folder(network, vectors, cases, tmp_path_factory):
    """The circuit in rtl, and the vectors beside it."""
    return placed(tmp_path_factory.mktemp("kit"), rtl_files(network, SETTINGS, cases), vectors)


def placed(made, rtl, vectors):
    """The files of a kit, in a folder."""
    files = {f"rtl/{name}": text.encode() for name, text in rtl.items()}
    files |= {f"vectors/{name}": content for name, content in vectors.items()}
    for name, content in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    return made


@pytest.fixture(scope="module")
def kit(folder):
    return folder / "rtl"


def make(folder, *targets):
    return subprocess.run(["make", *targets], cwd=folder, capture_output=True, text=True, timeout=600)


def test_its_check_passes_with_make_and_icarus_alone(folder, kit, cases):
    """And what it wrote is what the vectors have, of every layer of every case that has a circuit."""
    needs("iverilog")
    needs("make")
    done = make(kit, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert all(line.startswith("rtl: c") and ": PASSED, 0 words of " in line for line in lines)
    found = Vectors(folder).check(kit / "build/out", partial=True)
    tried = {each.case for each in found.compared}
    assert last == f"rtl: all streams are equal, {len(tried)} cases of 11 circuits"
    assert len(lines) == len(tried)
    assert found.passed, found
    assert found.extra == []
    layers = sum(len(case["codes"]) - len(case["inputs"]) for case in cases if case["id"] in tried)
    assert len(found.compared) == layers
    assert tried == {case["id"] for case in cases}


def damaged(folder, path, word):
    """A copy of all of it, in which the lowest bit of a word is another one."""
    copy = folder.parent / f"damaged_{path.name}"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("build"))
    lines = path.read_text().splitlines()
    lines[word] = f"{int(lines[word], 16) ^ 1:0{len(lines[word])}x}"
    (copy / path.relative_to(folder)).write_text("\n".join(lines) + "\n")
    return copy


@pytest.fixture(scope="module")
def loadable(tmp_path_factory):
    """A kit with a port for weights, and a table beside them, which is not loaded."""
    rng, form = np.random.default_rng(2), Format(True, 6, 4)
    layers = (
        random_conv(rng, "first", "x", 3, 2, 3, form),
        Lookup("table", "first", rng.integers(-32, 32, 64).astype(np.int16), form),
        random_conv(rng, "second", "table", 2, 3, 1, form),
    )
    network = Network((Input("x", 2, PIXEL),), layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "SIZES", SIZES[-1:])
        vectors = written.vector_files(network, {})
    whole = [each for each in json.loads(vectors["manifest.json"])["cases"] if each["layer"] is None]
    rtl = rtl_files(network, replace(SETTINGS, loadable=True), whole)
    return placed(tmp_path_factory.mktemp("loadable"), rtl, vectors)


def test_weights_come_through_the_port_without_python(loadable):
    """Into memories that begin with zeros; a file whose second half is missing leaves those there."""
    needs("iverilog")
    needs("make")
    kit = loadable / "rtl"
    (needed,) = [x for x in (kit / "Makefile").read_text().splitlines() if x.startswith("network: ")]
    assert needed.endswith(" loaded")  # so that check does it too
    done = make(kit, "loaded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " with loaded weights: PASSED, 0 words of 3 layers differ" in done.stdout
    assert "`network/load.mem` is all of it" in (kit / "README.md").read_text()
    lines = (kit / "network/load.mem").read_text().splitlines()
    half = len(lines) // 2
    (kit / "network/load.mem").write_text("\n".join(lines[:half] + lines[:1] * (len(lines) - half)) + "\n")
    done = make(kit, "loaded")
    assert done.returncode != 0
    assert " with loaded weights: FAILED" in done.stdout


def test_its_check_fails_where_a_bit_of_a_weight_differs(folder, kit):
    """The lowest one of a weight in the middle: what whole pictures may not show, the layer alone does."""
    needs("iverilog")
    number = next(
        each["number"] for each in json.loads((kit / "circuit.json").read_text())["layers"]
        if each["name"] == "conv_out"
    )  # fmt: skip
    (path,) = (kit / f"layer_{number}").glob("*_weights.mem")
    copy = damaged(folder, path, len(path.read_text().splitlines()) // 2)
    done = make(copy / "rtl", f"layer_{number}")
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert "is " in done.stdout
    assert not Vectors(copy).check(copy / "rtl/build/out", partial=True).passed


def test_its_check_fails_where_a_vector_is_another(folder, cases):
    needs("iverilog")
    case = next(each for each in cases if each["name"] == "one row")
    path = folder / f"vectors/mem/{case['codes']['t5_conv_ext_x']['stem']}.mem"
    done = make(damaged(folder, path, 2) / "rtl", f"run_{case['id']}")
    assert done.returncode != 0
    assert f"rtl: {case['id']}: FAILED" in done.stdout
    assert "layer 4, t5_conv_ext_x: word 2 is " in done.stdout
    assert "output pixels" not in done.stdout  # which is right


def test_what_it_says_of_itself(kit, network):
    said = json.loads((kit / "circuit.json").read_text())
    assert [each["name"] for each in said["layers"]] == [layer.name for layer in network.layers]
    assert said["rounding"] == "half_even"
    files = {str(path.relative_to(kit / "network")) for path in (kit / "network").glob("*.mem")}
    assert {name for each in said["layers"] for name in each["memories"]} == files
    rows = {(each["from"], each["to"]): each["words"] for each in said["queues"]}
    assert rows["t0_x", "t5_conv_ext_x"] > 3 * 32  # as planned, and a few words
    assert [each["vectors"] for each in said["layers"]][-1] == "t10_picture"
    readme = (kit / "README.md").read_text()
    assert "multipliers | " in readme
    assert "Within the network alone" not in readme  # all of them are tried alone, too


def test_the_same_network_gives_the_same_files(network, cases):
    assert rtl_files(network, SETTINGS, cases) == rtl_files(network, SETTINGS, cases)


@pytest.mark.parametrize("widest", [1, 1 << 15])
def test_frames_that_no_counter_holds_are_refused(network, cases, widest):
    with pytest.raises(HwrtsError, match=rf"frames of {widest} columns are not supported; use 2\.\.32767"):
        rtl_files(network, Settings(widest=widest), cases)
