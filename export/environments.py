"""Where the runtimes of exported files are: beside the package, or each in an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from hwrts.fixed_point import HwrtsError

ENVIRONMENTS = "HWRTS_TARGETS"
"""The variable that names the folder of environments, one for each runtime; ``build/targets`` without it."""
_APART = frozenset({"tosa", "acuity", "rknn"})
"""They ask for versions, or for a Python, that the package refuses, so no extra of it installs them."""
_SECONDS = 3600
"""After which a runtime is given up: reference kernels take minutes of a large picture."""


def python_with(module: str, name: str) -> Path | None:
    """The interpreter that can import a module: this one, or that of an environment of that name, if any."""
    if _importable(module):
        return Path(sys.executable)
    folder = Path(os.environ.get(ENVIRONMENTS, "build/targets")) / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return python.absolute() if python.is_file() else None


def _importable(module: str) -> bool:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # of a package around it
        return False
    return spec is not None and spec.origin is not None  # a folder of that name is no module


def not_installed(runtime: str, name: str) -> str:
    """The sentence for a runtime that is not there.

    Args:
        runtime: What it is called.
        name: Of its environment, and of the extra of the package that installs it, where one can.
    """
    extra = "" if name in _APART else f"pip install hwrts[{name}], or "
    made = "benchmarks/targets/environments rknn" if name == "rknn" else "make targets"  # 6 GB for a count
    return (
        f"{runtime}: is not installed, so the file was not run in it; {extra}{made} "
        f"and set {ENVIRONMENTS} to the folder of its environments"
    )


def run_there(runtime: str, words: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of an environment, without the paths of this one.

    Args:
        runtime: What it is called, for a message.
        words: The interpreter and what it is given.
        cwd: Where.

    Raises:
        HwrtsError: It does not end.
    """
    try:
        return subprocess.run(
            [*map(str, words)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=cwd,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
    except subprocess.TimeoutExpired as error:
        raise HwrtsError(f"{runtime}: given up after {_SECONDS} s; use a smaller --size") from error
