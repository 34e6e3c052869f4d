"""Bytes of clips into standard output, without a buffer: its lock would outlast an interruption."""

import os

from hwrts.errors import DataError

PIPE = "-"
"""What stands for a pipe where a clip is named."""


class StandardOutput:
    """Standard output past the stream of Python."""

    def __init__(self) -> None:
        """Refuse a terminal."""
        if os.isatty(1):
            raise DataError("standard output: is a terminal; send it into a pipe, or name a file by -o")

    def write(self, data: bytes) -> int:
        """All of the bytes, however long the reader takes.

        Raises:
            DataError: They can't be written, such as to a reader that is gone.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(1, left) :]
        except BrokenPipeError:
            raise DataError("standard output: its reader is gone; the clip is not complete") from None
        except OSError as error:
            raise DataError(
                f"standard output: can't be written ({error.strerror}); the clip is not complete"
            ) from None
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""
