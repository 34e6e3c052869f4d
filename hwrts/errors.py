"""Errors that a user can cause; each message is one line: the value, what is allowed, the next step."""

from hwrts.fixed_point.errors import HwrtsError

__all__ = [
    "ConfigError",
    "DataError",
    "HwrtsError",
    "NotWrittenError",
    "RunFolderError",
    "UnsupportedOperatorError",
]


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
