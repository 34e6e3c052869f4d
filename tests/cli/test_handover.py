"""hwrts handover: the kit is whole, checks itself without Python, and finds what is damaged in it."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess

import pytest

from hwrts.export.cpu import cpu_flags
from hwrts.export.kit import kit_files
from hwrts.export.vectors import files as written
from hwrts.export.vectors.cases import SIZES
from hwrts.fixed_point import PIXEL, Along, Format, GlobalAverage, Input, Multiply, Network, load_network
from hwrts.progress import Silent
from hwrts.runs.circuit import AskedCircuit
from hwrts.runs.formats import FORMATS, Kit, Made
from hwrts.runs.handover import facts_of, handover_kit
from hwrts.runs.proof import Proof

from ..export.rtl.simulate import needs

TOOLS = ("make", "cc", "gcc", "as", "ld", "sh", "mkdir", "rm", "grep", "cat", "sha256sum", "iverilog", "vvp")
"""All that a kit needs: a compiler of C, Icarus Verilog, and what every system has beside make."""


@pytest.fixture(scope="module")
def kit(finished, tmp_path_factory):
    """The kit of a small network, and of the smallest pictures."""
    from hwrts.api.export import export_stage
    from hwrts.runs.folder import open_run
    from hwrts.runs.target import Asked

    run = open_run(finished / "runs/tiny")
    made = tmp_path_factory.mktemp("handover") / "kit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "SIZES", SIZES[-1:])
        export_stage(
            run,
            run.finished_stage("1"),
            made,
            Asked(check=False),
            Silent(),
            print,
            unverified=False,
            force=False,
            circuit=AskedCircuit(cycles=64),
            without=(),
        )
    return made


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The environment of a machine without Python: a folder of programs, and that is all."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        (folder / tool).symlink_to(os.path.realpath(needs(tool)))
    return {"PATH": str(folder), "HOME": "/nonexistent"}


def make(kit, environment, *words):
    return subprocess.run(
        [str(shutil.which("make", path=environment["PATH"])), "--no-print-directory", *words],
        cwd=kit,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_all_forms_are_there_and_the_manifest_has_each_file(kit):
    manifest = json.loads((kit / "manifest.json").read_text())
    there = {path.relative_to(kit).as_posix() for path in kit.rglob("*") if path.is_file()}
    assert there == {*manifest["files"], "manifest.json"}
    named = "README.md Makefile SHA256SUMS report.md report.json model.int8.onnx network.json network.npz"
    forms = "verify.json c/model.c check/check.c vectors/VECTORS.md rtl/network/hwrts_top.v"
    assert {*named.split(), *forms.split()} <= there
    for name, entry in manifest["files"].items():
        assert entry["sha256"] == hashlib.sha256((kit / name).read_bytes()).hexdigest()
    sums = dict(reversed(line.split("  ", 1)) for line in (kit / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == there - {"manifest.json", "SHA256SUMS"}
    assert manifest["network_sha256"] == sums["network.npz"]
    assert manifest["made_by"].startswith("hwrts ")
    assert manifest["versions"]["numpy"]
    assert manifest["left_out"] == {}


def test_gaps_are_the_same_lines_in_readme_and_manifest(finished):
    """Of a circuit that has no layer of that kind alone; a name that is markup stays a name."""
    network = load_network(finished / "runs/tiny/stage1")
    made = Made(network, AskedCircuit(), {})
    vectors = {"manifest.json": b'{"cases": []}'}
    object.__setattr__(made, "vectors", vectors)
    kit = Kit({"rtl/circuit.json": b'{"not_alone": {"t3_add": "rtl: it has |two| sources"}}'})
    facts = facts_of(made, PROOF, "a|b", {"c": "The network has none: it is <wide>"}, kit)
    assert facts.gaps == [
        "c: not in this kit. The network has none: it is <wide>",
        "rtl: t3_add is not tried alone: rtl: it has |two| sources",
    ]
    readme = kit_files(network, facts)["README.md"]
    assert readme.startswith("# a b\n")
    assert "- c: not in this kit. The network has none: it is  wide \n" in readme
    assert "- rtl: t3_add is not tried alone: rtl: it has  two  sources\n" in readme


def test_the_report_says_what_inspect_and_cost_say(kit, hwrts):
    report = json.loads((kit / "report.json").read_text())
    said = json.loads(hwrts("inspect", kit, "--json", "--width", str(report["circuit"]["widest"])).out)
    assert report["inside"] == {name: value for name, value in said.items() if name != "network"}
    assert report["codes_compared"] > 0
    page = (kit / "report.md").read_text()
    for layer in said["layers"]:
        assert f"| {layer['name']} | {layer['operator']} | {layer['format']} |" in page
    assert f"| multipliers | {report['circuit']['multipliers']:,} |" in page
    assert "reaches both ends" in page


def test_it_checks_itself_without_python(kit, alone):
    """Which is not in the PATH, and nothing else but what a kit needs."""
    assert shutil.which("python3", path=alone["PATH"]) is None
    done = make(kit, alone, "-j2", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "PASSED: the files, the C model, the circuit are what the vectors say"
    cases = json.loads((kit / "vectors/manifest.json").read_text())["cases"]
    checked = [line for line in lines if ": PASSED, 0 of " in line]
    assert len(checked) == len(cases)  # every case in C
    models = len({case["layer"] for case in cases})
    assert f"c: no code differs, {len(cases)} cases of {models} models" in lines
    assert any(line.startswith("rtl: all streams are equal, ") for line in lines)
    assert not done.stderr
    assert make(kit, alone, "clean").returncode == 0
    assert not list(kit.rglob("build"))


@pytest.mark.parametrize(
    ("compiler", "words", "runner"),
    [
        ("clang", ("CFLAGS=-O0 -fsanitize=undefined -fsanitize-trap=undefined",), None),
        ("arm-linux-gnueabihf-gcc", ("CFLAGS=-O1 -static",), "qemu-arm"),
        ("riscv64-linux-gnu-gcc", ("CFLAGS=-O1 -static",), "qemu-riscv64"),
    ],
)
def test_its_c_model_by_other_compilers_and_on_other_processors(copy, compiler, words, runner):
    """And its intrinsics by those that are for x86."""
    for tool in filter(None, ("make", compiler, runner)):
        needs(tool)
    said = (f"CC={compiler}", f"RUN={runner or ''}", *words)
    layer = next(path.name for path in (copy / "check").glob("t*_conv_out"))
    done = make(copy, dict(os.environ), "run-network", f"run-{layer}", "run-intrinsics", *said)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": PASSED, 0 of ") > 2
    assert "FAILED" not in done.stdout
    ours = compiler == "clang" and platform.machine() == "x86_64"
    assert ("c: intrinsics: no code differs" in done.stdout.splitlines()) is ours
    assert ("are of x86, which this compiler is not for" in done.stdout) is (runner is not None)


@pytest.fixture
def copy(kit, tmp_path):
    return shutil.copytree(kit, tmp_path / "kit", ignore=shutil.ignore_patterns("build"))


def flip(path, line, digit=-1):
    """Another lowest bit of a digit of a line."""
    lines = path.read_text().splitlines()
    text = list(lines[line])
    text[digit] = f"{int(text[digit], 16) ^ 1:x}"
    lines[line] = "".join(text)
    path.write_text("\n".join(lines) + "\n")


def test_a_weight_of_the_intrinsics_is_checked(copy, alone):
    if "avx2" not in cpu_flags():
        pytest.skip("this processor has no AVX2")
    path = copy / "c/model_x86.h"
    wrong, changed = re.subn(r"(t1_conv_in_blocks\[\d+\] = \{\s*)-?\d+", r"\g<1>99", path.read_text())
    assert changed
    path.write_text(wrong)
    done = make(copy, alone, "run-network", "run-intrinsics")
    assert done.returncode != 0
    assert "c: first difference: layer t1_conv_in, frame 0, row " in done.stdout
    assert "no code differs" not in done.stdout


def test_a_bit_of_a_weight_in_c_is_found(copy, alone):
    """Of the model itself, and of the layer that is tried alone; and by the sums."""
    for model, target in (("c", "run-network"), ("check/t1_conv_in", "run-t1_conv_in")):
        path = copy / model / "model.c"
        text = path.read_text()
        head = text.index("t1_conv_in_weight")
        start = text.index("{", head) + 1
        number = text[start:].replace("\n", " ").split(",")[40].strip()
        place = start + len(",".join(text[start:].split(",")[:40])) + 1
        other = str(int(number) ^ 1)
        path.write_text(text[:place] + text[place:].replace(number, other, 1))
        done = make(copy, alone, target)
        assert done.returncode != 0
        assert "FAILED" in done.stdout
        assert "c: first difference: layer t1_conv_in, frame 0, row " in done.stdout
    done = make(copy, alone, "check-files")
    assert done.returncode != 0
    assert "c/model.c: FAILED" in done.stdout
    assert done.stdout.splitlines()[-1] == "files: FAILED, these are not what was handed over"


def test_a_bit_of_a_weight_of_the_circuit_is_found(copy, alone):
    (path,) = (copy / "rtl/layer_0").glob("*weights.mem")
    flip(path, 5)
    done = make(copy / "rtl", alone, "layer_0")
    assert done.returncode != 0
    assert "rtl: c" in done.stdout
    assert ": FAILED" in done.stdout


def test_a_damaged_vector_is_found_by_both(copy, alone):
    case = json.loads((copy / "vectors/manifest.json").read_text())["cases"][0]
    stem = case["codes"]["t1_conv_in"]["stem"]
    flip(copy / f"vectors/mem/{stem}.mem", 3)
    done = make(copy, alone, "run-network")
    assert done.returncode != 0
    assert f"c: {case['id']}: FAILED, 1 of " in done.stdout
    assert "c: first difference: layer t1_conv_in, frame 0, row 0, column 3, channel 0: " in done.stdout
    done = make(copy / "rtl", alone, f"run_{case['id']}")
    assert done.returncode != 0
    assert f"rtl: {case['id']}: FAILED" in done.stdout
    assert "t1_conv_in: word 3 is " in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("\n", "\nx", 1), "line 2 is no word of "),
        (lambda text: "g" + text[1:], "line 1 is no word of "),
        (lambda text: text.partition("\n")[0] + "\n", "line 2 is no word of "),
        (lambda text: text + "0\n", "words"),
    ],
)
def test_a_vector_that_is_no_vector_stops_the_check(copy, alone, change, said):
    case = json.loads((copy / "vectors/manifest.json").read_text())["cases"][0]
    path = copy / f"vectors/mem/{case['codes']['t1_conv_in']['stem']}.mem"
    path.write_text(change(path.read_text()))
    done = make(copy, alone, "run-network")
    assert done.returncode != 0
    assert said in done.stderr


def test_tools_that_are_not_there_are_named(copy, alone, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("make", "sh", "mkdir"):
        (bare / tool).symlink_to(os.path.realpath(needs(tool)))
    environment = {**alone, "PATH": str(bare)}
    done = make(copy, environment, "check-rtl")
    assert done.returncode != 0
    assert (
        "rtl: Icarus Verilog (iverilog, vvp) is not installed; make check-c checks the C model" in done.stdout
    )
    done = make(copy, environment, "check-c")
    assert done.returncode != 0
    assert "c: no compiler: cc is not installed; make check-c CC=gcc names another" in done.stdout
    done = make(copy, environment, "check-files")
    assert done.returncode != 0
    assert "files: neither sha256sum nor shasum is installed; make check-c check-rtl goes" in done.stdout
    assert "PASSED" not in done.stdout


PROOF = Proof({"network.npz": b""}, "UNVERIFIED", ())


def made_of(network):
    return lambda without: handover_kit(Made(network, AskedCircuit(), {}), PROOF, "t", without, Silent())


@pytest.fixture(scope="module")
def pooled():
    """What no model that is fed row by row can compute, nor a circuit that keeps no column."""
    mean = GlobalAverage("mean", "x", Format(False, 8, 8), Along.COLUMNS)
    return Network((Input("x", 3, PIXEL),), (mean, Multiply("y", ("x", "mean"), Format(False, 8, 8))))


def test_a_form_that_the_network_does_not_have_is_refused_until_it_is_left_out(pooled):
    make_it = made_of(pooled)
    with pytest.raises(Exception, match=r"C model: layer 'mean' .*; or hand over the rest with --without c$"):
        make_it(())
    with pytest.raises(Exception, match=r"^rtl: .*; or hand over the rest with --without rtl$"):
        make_it(("c",))
    made = make_it(("c", "rtl"))
    assert {*made.more["left_out"]} == {"c", "rtl"}
    assert [gap.partition(":")[0] for gap in made.more["gaps"]] == ["c", "rtl"]
    readme = made.kit.files["README.md"].decode()
    assert "- c: not in this kit. The network has none: C model: layer 'mean' is made of the whole" in readme
    assert "needs make, sha256sum; no Python" in readme
    assert not [name for name in made.kit.files if name.startswith(("c/", "rtl/", "check/"))]
    verdict = b"PASSED: the files are what was handed over; c is not in this kit; rtl is not in this kit"
    assert verdict in made.kit.files["Makefile"]
    assert "verify.json" not in readme  # which this network has none of


def test_a_form_that_it_could_have_is_left_out_too(finished):
    network = load_network(finished / "runs/tiny/stage1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "SIZES", SIZES[-1:])
        patch.setitem(FORMATS, "rtl", lambda _: pytest.fail("made, and not in the kit"))
        made = made_of(network)(("rtl",))
    assert made.more["gaps"] == ["rtl: not in this kit. Left out by --without rtl; the network could have it"]
    assert "c/model.c" in made.kit.files
    assert "rtl/Makefile" not in made.kit.files


@pytest.mark.parametrize("form", ["vectors", "cpp"])
def test_what_cannot_be_left_out(workspace, hwrts, form):
    refused = hwrts("handover", "runs/tiny", "-o", "kit", "--without", form)
    assert refused.code == 2
    assert refused.err.splitlines()[-1] == f"error: --without {form}: cannot be left out; use c or rtl"


def test_the_command_says_what_is_in_it_and_what_to_do_next(workspace, hwrts, monkeypatch):
    monkeypatch.setattr(written, "SIZES", SIZES[-1:])
    words = ("handover", "runs/tiny", "--stage", "1", "-o", "kit", "--no-check", "--without", "rtl")
    result = hwrts(*words, "-q")
    assert result.code == 0, result.err
    assert "take README.md for whoever opens the folder first" in result.out
    assert "gap: rtl: not in this kit. Left out by --without rtl; the network could have it" in result.out
    assert result.out.splitlines()[-1] == "next: make -C kit check"
    assert hwrts(*words).code == 2  # it exists
    for built in ("build/check_network", "build/files.txt", "c/model"):  # what its make left
        (workspace / "kit" / built).parent.mkdir(parents=True, exist_ok=True)
        (workspace / "kit" / built).write_text("")
    assert json.loads(hwrts(*words, "--force", "--json").out)["verdict"] == "PASSED"
    for own in ("built", "rtl/build/run"):  # nor has it a Makefile there
        (workspace / "kit" / own).parent.mkdir(parents=True, exist_ok=True)
        (workspace / "kit" / own).write_text("")
        assert "is no earlier hand-over" in hwrts(*words, "--force").err
        (workspace / "kit" / own).unlink()
