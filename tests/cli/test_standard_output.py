"""What can't be written into standard output, in one line that names it."""

import errno
import os

import pytest

from hwrts.cli.standard_output import StandardOutput
from hwrts.errors import DataError


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    monkeypatch.setattr("os.isatty", lambda descriptor: False)


def test_all_of_the_bytes_are_written(monkeypatch):
    parts = []

    def write(descriptor, data):
        parts.append((descriptor, bytes(data[:3])))
        return min(3, len(data))

    monkeypatch.setattr("os.write", write)
    assert StandardOutput().write(b"abcdefgh") == 8
    assert parts == [(1, b"abc"), (1, b"def"), (1, b"gh")]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EPIPE, "standard output: its reader is gone; the clip is not complete"),
        (errno.ENOSPC, r"standard output: can't be written \(No space left on device\); the clip"),
    ],
)
def test_what_fails_names_it(monkeypatch, number, words):
    def write(descriptor, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.write", write)
    with pytest.raises(DataError, match=words):
        StandardOutput().write(bytes(100))


def test_a_terminal_gets_no_pictures(monkeypatch):
    monkeypatch.setattr("os.isatty", lambda descriptor: True)
    with pytest.raises(DataError, match="standard output: is a terminal"):
        StandardOutput()
