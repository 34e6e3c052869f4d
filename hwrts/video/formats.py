"""Names of clips; nothing here needs the libraries that read them."""

from pathlib import Path

from hwrts.errors import DataError

SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".nut",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
        ".y4m",
        ".yuv",
    ]
)
"""Of files that are taken for clips."""


def file_name(path: Path) -> str:
    """A file's name as libav takes it: never for an address, whatever stands in it.

    Raises:
        DataError: There is no file; whoever opens a named pipe or a device may wait for ever.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such clip; give a file, or - for a pipe")
    return f"file:{path}"
