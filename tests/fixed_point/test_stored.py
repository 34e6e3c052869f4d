"""Bytes of a stranger: what is refused before it costs more than its size."""

import io
import json
import os
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest

from hwrts.fixed_point.stored import MAX_DEPTH, parse_json, read_file, unpack_npz


def npz(compressed=False, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def members(compression=zipfile.ZIP_STORED, **payloads):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, payload in payloads.items():
            archive.writestr(f"{name}.npy", payload)
    return buffer.getvalue()


def npy(shape, data=b"", dtype="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue() + data


def test_what_numpy_wrote_comes_back():
    arrays: dict[str, Any] = {
        "a": np.arange(24, dtype=np.int8).reshape(2, 3, 4),
        "f": np.asfortranarray(np.eye(3, dtype=np.int32)),
        "scalar": np.int64(7),
        "none": np.zeros((0, 3), np.uint8),
    }
    found = unpack_npz(npz(**arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)


BOMBS = {
    "compressed": lambda: npz(compressed=True, a=np.zeros(1 << 26, np.uint8)),
    "a header that promises 4 TB": lambda: members(a=npy((1 << 42,))),
    "a shape that overflows": lambda: members(a=npy((1 << 40, 1 << 40))),
    "a negative shape": lambda: members(a=npy((-1, -4), b"1234")),
    "too few bytes": lambda: members(a=npy((4,), b"123")),
    "too many bytes": lambda: members(a=npy((4,), b"12345")),
    "deflated": lambda: members(zipfile.ZIP_DEFLATED, a=npy((1 << 26,), bytes(1 << 26))),
    "objects": lambda: members(a=npy((1,), bytes(8), "|O")),
    "nested header": lambda: members(a=npy((1,), b"1").replace(b"(1,)", b"(" * 60)),
    "no npy": lambda: members(a=b"hello"),
    "no zip": lambda: b"PK\3\4",
    "empty": lambda: b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_archives_that_unpack_to_more_than_they_are(name):
    payload = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"."):
            unpack_npz(payload)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(payload) + (1 << 20)
    finally:
        tracemalloc.stop()


def test_members_that_share_their_bytes_are_refused():
    """Every entry of the directory points to the same megabyte: they would unpack to a hundred."""
    first = bytearray(members(a0=npy((1 << 20,), bytes(1 << 20))))
    end = first.rindex(b"PK\5\6")
    start = first.index(b"PK\1\2")
    entry = first[start:end]
    entries = b"".join(bytes(entry).replace(b"a0", b"%02d" % i) for i in range(100))
    tail = first[end:]
    tail[8:12] = (100).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    with pytest.raises(ValueError, match="larger than the file"):
        unpack_npz(bytes(first[:start]) + entries + bytes(tail))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 5000,
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "9" * 5000,
        "NaN",
        "[-Infinity]",
        '{"a": 1, "a": 2}',
        '{"a": "\0"}',
        "\ufeff{}",
        "",
        "{",
    ],
)
def test_json_that_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text.encode())


def test_json_that_is_read():
    document = {"a": [1, 2.5, None, True, "\udcff"], "ü": {"b": {}}}
    assert parse_json(json.dumps(document).encode()) == document
    assert parse_json(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xff"')


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(bytes(101))
    reasons = {
        "pipe": "not a regular file",
        "link": "not a regular file",
        "large": "larger than 100 bytes",
        ".": "Is a directory",
        "none": "No such file",
        "a\0b": "zero byte",
    }
    for name, reason in reasons.items():
        with pytest.raises(OSError, match=reason):
            read_file(tmp_path / name, 100)
    (tmp_path / "large").write_bytes(bytes(100))
    assert read_file(tmp_path / "large", 100) == bytes(100)


def test_a_small_file_takes_little_memory(tmp_path):
    """4 GiB were asked for, whatever was there: with a limit of memory no file of weights could be read."""
    (tmp_path / "small").write_bytes(bytes(100))
    tracemalloc.start()
    assert read_file(tmp_path / "small") == bytes(100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_file_that_grows_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(bytes(100))
    fstat = os.fstat

    def grown(number):
        found = fstat(number)
        with path.open("ab") as stream:
            stream.write(b"more")
        return found

    monkeypatch.setattr(os, "fstat", grown)
    assert read_file(path, 104) == bytes(100) + b"more"
    with pytest.raises(OSError, match="larger than 107 bytes"):
        read_file(path, 107)
