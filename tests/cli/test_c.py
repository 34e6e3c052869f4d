"""hwrts export --format c and hwrts verify --witness c."""

import json
import shutil
import subprocess

import pytest

from hwrts.export.c.build import COMPILERS

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)

NO_COMPILER = "no compiler of C is installed (cc, gcc, clang were looked for); install gcc or clang"


def test_the_c_model_is_handed_over_and_replaced(workspace, hwrts):
    words = ("export", "runs/tiny", "-o", "out", "--no-check", "--format", "c", "--stage", "1")
    result = hwrts(*words)
    assert result.code == 0, result.err
    assert "take c/model.c for firmware and processors" in result.out
    manifest = json.loads((workspace / "out/manifest.json").read_text())
    made = {path.relative_to(workspace / "out").as_posix() for path in (workspace / "out/c").iterdir()}
    assert made == {
        f"c/{name}" for name in ("model.h", "model.c", "model_x86.h", "main.c", "trace.c", "Makefile")
    }
    assert made <= {*manifest["files"]}
    assert hwrts(*words, "--force").code == 0
    (workspace / "out/c/mine.c").write_text("")
    assert "is no earlier hand-over" in hwrts(*words, "--force").err


@needs_compiler
def test_what_is_handed_over_compiles(workspace, hwrts):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    assert hwrts("export", "runs/tiny", "-o", "out", "--no-check", "--format", "c").code == 0
    subprocess.run(["make", "-C", "out/c", "CFLAGS=-O0", "model", "trace"], cwd=workspace, check=True)


def test_a_format_that_nobody_knows(workspace, hwrts):
    refused = hwrts("export", "runs/tiny", "-o", "out", "--format", "verilog")
    assert refused.code == 2
    assert "error: --format verilog: is not known; use c" in refused.err


@needs_compiler
def test_the_c_model_is_a_witness(workspace, hwrts):
    words = ("verify", "runs/tiny", "--stage", "1", "--layer", "conv_out", "--stimulus", "noise", "--json")
    result = hwrts(*words, "--witness", "c")
    assert result.code == 0, result.err
    rows = json.loads(result.out)["stages"]["1"]["rows"]
    assert {row["mode"]: row["mismatches"] for row in rows if row["witness"] == "c"} == {
        "entire": 0,
        "single": 0,
    }
    assert not [row for row in json.loads(hwrts(*words).out)["stages"]["1"]["rows"] if row["witness"] == "c"]


def test_no_compiler_and_no_such_witness_are_one_line(workspace, hwrts, monkeypatch):
    refused = hwrts("verify", "runs/tiny", "--witness", "silicon")
    assert refused.code == 2
    assert refused.err.startswith("error: --witness silicon: is none that can be asked for; use c")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    refused = hwrts("verify", "runs/tiny", "--stage", "1", "--stimulus", "noise", "--witness", "c")
    assert refused.code == 2
    assert NO_COMPILER in refused.err


def test_the_native_engine_without_a_compiler_is_one_line(workspace, hwrts, monkeypatch):
    """Nothing is written, and other engines go on."""
    words = (
        "enhance",
        "photos/photo0.png",
        "--run",
        "runs/tiny",
        "--stage",
        "1",
        "-o",
        "made.png",
        "--engine",
    )
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("HWRTS_CACHE", str(workspace / "cache"))
    refused = hwrts(*words, "native")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        "network: stage 1 of runs/tiny",
        f"error: C model: {NO_COMPILER}, or name one in the variable CC",
    ]
    assert not (workspace / "made.png").exists()
    assert hwrts(*words, "numpy").code == 0
