"""Commands that add something to a run show what they found in one that is read-only too."""

import ctypes
import json
import os
import subprocess
import sys

import pytest

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1


def _as_anyone() -> None:
    """In a child before it executes: root obeys permissions as well."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="drops a capability of Linux")
@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("verify", "runs/tiny", "--stage", "1"), "passed"),
        (("sensitivity", "runs/tiny", "--bits", "4", "-q"), "layers"),
    ],
)
def test_a_read_only_run(workspace, arguments, key):
    """Everything was computed and no verdict printed."""
    run = workspace / "runs/tiny"
    paths = [run, *run.rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in paths}
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hwrts", *arguments, "--json"],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_as_anyone,
            cwd=workspace,
        )
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
    if before != {path: path.stat().st_mtime_ns for path in paths}:
        pytest.skip("this user writes into read-only folders")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[key]
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("nothing was written: ")]
    assert "can't be written (Permission denied)" in line
