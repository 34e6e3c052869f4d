"""Running a user's own code: its errors become one line that names the place, its prints go to stderr."""

import os
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

import torch

from hwrts.errors import ConfigError, HwrtsError

_PACKAGES = [find_spec(name) for name in ("hwrts", "hwrts.export", "hwrts.fixed_point")]
_FOLDERS: list[str | Path] = [
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
    Path(torch.__file__).parents[1],
    *(Path(str(package.origin)).parent for package in _PACKAGES if package is not None),
]
_NOT_THEIRS = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in _FOLDERS)
"""Folders of Python, of installed packages, and ours."""
_LONGEST = 300
"""Letters of a message that are shown: torch lists every tensor of a network in some."""


@lru_cache
def is_users(filename: str) -> bool:
    """Whether a source file is neither Python's, nor an installed package's, nor ours.

    >>> is_users(torch.__file__), is_users("<frozen importlib>"), is_users("/home/me/my_file.py")
    (False, False, True)
    """
    return not filename.startswith("<") and not str(Path(filename).resolve()).startswith(_NOT_THEIRS)


def line_of(filename: str, line: int | None) -> str:
    """How a place in a source file is named in messages."""
    return f"line {line} of {Path(filename).name}"


def described(error: BaseException) -> str:
    """An exception in one line: where the user's code raised it, if it was that code, its kind and text.

    >>> described(ValueError("no such kernel"))
    'ValueError: no such kernel'
    """
    try:
        text = textwrap.shorten(str(error), _LONGEST, placeholder=" ...")
    except Exception:  # an exception class of the user's own that cannot say what it is
        text = "without a text, its __str__ fails"
    kind = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return f"{line_of(error.filename, error.lineno)}: {type(error).__name__}: {error.msg}"
    place = _raised_at(error)
    return f"{place}: {kind}" if place else kind


def _raised_at(error: BaseException) -> str | None:
    """The innermost line of the user's own code that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return line_of(frames[-1].filename, frames[-1].lineno) if frames else None


@contextmanager
def own_code(what: str) -> Iterator[None]:
    """While it is open, a user's code may run: stdout is kept for results, its errors are told as its own.

    Args:
        what: Whose code it is, for the message.

    Raises:
        ConfigError: The code raised something, or ended the program; errors that did not pass through a line
            of a user's code are left as they are.
    """
    try:
        with settings_kept(), _stdout_kept(), redirect_stdout(sys.stderr):
            yield
    except (HwrtsError, KeyboardInterrupt):
        raise
    except BaseException as error:  # GeneratorExit, SystemExit, and classes of the user's own
        if _raised_at(error) is None:
            raise
        raise ConfigError(f"{what} fails ({described(error)}); mend it there") from error


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """What is written below Python's stdout, such as by a program that code starts, goes to stderr too."""
    _flush(sys.stdout, sys.__stdout__)
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        _flush(sys.__stdout__)
        os.dup2(kept, 1)
        os.close(kept)


def _flush(*streams: TextIO | None) -> None:
    for stream in streams:
        if stream is not None:
            with suppress(OSError, ValueError):  # a reader who left, a closed one
                stream.flush()


@contextmanager
def settings_kept() -> Iterator[None]:
    """What a user's code may set for the whole program is as before when it ends."""
    folder, dtype, gradients = Path.cwd(), torch.get_default_dtype(), torch.is_grad_enabled()
    device = torch.get_default_device()
    try:
        yield
    finally:
        os.chdir(folder)
        if torch.get_default_device() != device:  # None is torch's own default, which costs nothing
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
