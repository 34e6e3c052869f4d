"""Errors that a user can cause; each message is one line: the value, what is allowed, the next step."""

import difflib
from collections.abc import Iterable

from hwrts.fixed_point.errors import HwrtsError

__all__ = [
    "ConfigError",
    "DataError",
    "HwrtsError",
    "NotWrittenError",
    "RunFolderError",
    "UnsupportedOperatorError",
    "did_you_mean",
]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question with the known word that is nearest, or "".

    >>> did_you_mean("chanels", ["blocks", "channels"]), did_you_mean("x", ["blocks"])
    ("did you mean 'channels'?", '')
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


class ConfigError(HwrtsError):
    """A setting that does not exist or has a value that is not allowed."""


class DataError(HwrtsError):
    """Photographs that are missing, unreadable, or too small for the patch size."""


class RunFolderError(HwrtsError):
    """A run folder that is missing, exists already, is incomplete, or was damaged."""


class NotWrittenError(RunFolderError):
    """A file of a run that can't be written: the folder is read-only, or the disk is full."""


class UnsupportedOperatorError(HwrtsError):
    """An operator outside the closed list of ``hwrts.graph``, named with its place in the module."""
