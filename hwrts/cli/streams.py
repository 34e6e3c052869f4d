"""Standard output and error that take any text and survive a reader who leaves."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NAMES = {1: "standard output", 2: "standard error"}


class _Output(io.FileIO):
    """Writes to a descriptor until its reader is gone or it fails; what comes after that is dropped."""

    _gone = False

    def write(self, data: "ReadableBuffer", /) -> int:
        if not self._gone:
            try:
                return super().write(data)
            except BrokenPipeError:  # such as | head -1: the work goes on, and its exit code counts
                self._gone = True
            except OSError as error:  # such as a full disk, said once
                self._gone = True
                raise OSError(error.errno, error.strerror, _NAMES.get(self.name)) from error
        return memoryview(data).nbytes


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Within the block, stdout and stderr never fail by what is written, and a closed one is like /dev/null.

    Characters that a terminal's encoding does not have become backslash escapes. Streams that somebody
    has put in the place of Python's own are left alone.
    """
    for descriptor in range(3):  # or the next file that is opened would be standard output
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(sys.stderr, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _stream(stream: TextIO | None, descriptor: int) -> TextIO:
    encoding = "utf-8" if stream is None else stream.encoding
    raw = _Output(descriptor, "w", closefd=False)
    buffer = io.BufferedWriter(raw)
    lines = descriptor == 2 or raw.isatty()
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=lines)


def visible(text: str) -> str:
    r"""The text with what would not show, or would steer a terminal, as escapes; lines stay lines.

    Names of files are full of what their makers liked; bytes that are no UTF-8 are written as in a shell.

    >>> visible("a\x1b[31m\u202eb\udcff")
    'a\\x1b[31m\\u202eb\\xff'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escape(each) for each in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a name that it cannot decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
