"""Memory and temporary space that run out while a command works: one line, no traceback."""

import subprocess
import sys

import pytest

from hwrts.cli.memory import memory_error

FULL = """
import resource, sys
from pathlib import Path
from hwrts.export.runtime import census
from hwrts.fixed_point import HwrtsError
model = Path(sys.argv[1]).read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # a disk that is full after 1000 bytes
try:
    census(model)
except HwrtsError as error:
    print(error)
"""


def test_a_full_temporary_folder(finished):
    """ONNX Runtime said INVALID_PROTOBUF: it reads back what it could not write."""
    model = finished / "runs" / "tiny" / "stage1" / "model.int8.onnx"
    command = [sys.executable, "-c", FULL, str(model)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "cannot be written there and read again" in result.stdout, result.stderr
    assert "set TMPDIR to another folder" in result.stdout
    assert "Traceback" not in result.stderr


STARVED = """
import resource, sys, torch, hwrts.runs.session, hwrts.runs.pipeline, hwrts.cli.app as app
free = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (free, free))
sys.argv = ["hwrts", *sys.argv[1:]]
sys.exit(app.run())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on a process's memory")
def test_memory_that_runs_out_in_training(finished, tmp_path):
    words = ["run", "--data", str(finished / "photos"), "--name", "big", "-q", "--patch", "32"]
    words += ["--channels", "1024", "--blocks", "64", "--no-score", "--no-same-size"]
    result = subprocess.run(
        [sys.executable, "-c", STARVED, *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: memory ran out ("), result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (MemoryError(), "memory ran out (no library said where)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "memory ran out (Default"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "memory ran out (CUDA"),
        (RuntimeError("std::bad_alloc"), "memory ran out (std::bad_alloc)"),
        (RuntimeError("can't start new thread"), "no thread can be started (can't start new thread)"),
        (RuntimeError("shape mismatch"), None),
    ],
)
def test_which_errors_are_of_memory(error, start):
    said = memory_error(error)
    assert said is None if start is None else said.startswith(start)
