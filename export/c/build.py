"""Compilers of C, and what they make of a model."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from hwrts.fixed_point import HwrtsError

COMPILERS = ("cc", "gcc", "clang")
"""Those that are looked for, after the one that the variable CC names."""
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
TRACED = "-DMODEL_TRACE=model_trace"
"""Shows every layer; trace.c has the function."""
FAST = ("-O3", "-march=native")
INTRINSICS = "-DMODEL_INTRINSICS"
"""Takes sums with intrinsics where the processor has them: the same codes."""
_SECONDS = 600
"""After which a compiler is given up: the largest networks take some ten."""


def find_compiler() -> str:
    """The compiler of C that is there.

    Raises:
        HwrtsError: None is.
    """
    for name in filter(None, (os.environ.get("CC"), *COMPILERS)):
        if (path := shutil.which(name)) is not None:
            return path
    raise HwrtsError(
        f"C model: no compiler of C is installed ({', '.join(COMPILERS)} were looked for); install "
        "gcc or clang, or name one in the variable CC"
    )


def compile_c(
    files: Mapping[str, str],
    sources: Sequence[str],
    output: Path,
    compiler: str,
    flags: Sequence[str] = ("-O2",),
) -> None:
    """Compile sources into a program, or a library where the flags say so.

    Args:
        files: Text of all files by name.
        sources: Those that are compiled.
        output: The program.
        compiler: As :func:`find_compiler` gives it.
        flags: Beside those of warnings.

    Raises:
        HwrtsError: The compiler does not make it.
    """
    with tempfile.TemporaryDirectory(prefix="hwrts_c_") as name:
        folder = Path(name)
        for each, text in files.items():
            (folder / each).write_text(text, "ascii")
        done = _run([compiler, *STRICT, *flags, *sources, "-o", str(output.absolute())], folder)
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise HwrtsError(
            f"C model: {compiler} does not compile it ({said}); use gcc or clang by the variable CC"
        )


@cache
def version(compiler: str) -> str:
    """What a compiler says of itself: another one makes another library.

    Raises:
        HwrtsError: It cannot be run.
    """
    return _run([compiler, "--version"]).stdout


def _run(words: Sequence[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HwrtsError(
            f"C model: {words[0]} cannot be run ({error}); use gcc or clang by the variable CC"
        ) from error
