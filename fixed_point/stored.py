"""Bytes that may come from a stranger: nothing is opened, nested or unpacked beyond what its size says."""

import errno
import io
import json
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_DOCUMENT_BYTES = 1 << 26
"""Of a JSON or TOML file: 64 MiB, a hundred times what the largest network of the field needs."""
MAX_FILE_BYTES = 1 << 32
"""Of a file with weights or integers: 4 GiB; ONNX itself ends at 2."""
_PIECE = 1 << 20
MAX_DEPTH = 32
"""Of objects and lists within each other in a JSON file; ours have 6."""


def read_file(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """The content of a regular file of at most ``limit`` bytes; devices and pipes are not even opened.

    Raises:
        OSError: It is missing, no regular file, too large, or cannot be read; ``strerror`` says which.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "a zero byte in its name", str(path))
    entry = path.stat()
    if stat.S_ISDIR(entry.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(entry.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size  # another file may have its name by now
        # Python takes memory for all that it is asked for, so that it is asked for little more than there is.
        payload = stream.read(size + 1) if size <= limit else b""
        while size < len(payload) <= limit:  # it has grown meanwhile
            size = len(payload)
            payload += stream.read(min(_PIECE, limit + 1 - size))
    if max(size, len(payload)) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return payload


def parse_json(payload: bytes) -> Any:
    """The value of a JSON text in UTF-8, with finite numbers and without repeated keys.

    Raises:
        ValueError: It is none, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_distinct)
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from error
    inner = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [each for each in inner if isinstance(each, dict | list)]
        if not containers:
            return value
        inner = [part for each in containers for part in (each.values() if isinstance(each, dict) else each)]
    raise ValueError(f"nested more than {MAX_DEPTH} deep")


def unpack_npz(payload: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an uncompressed npz archive, which is what ``numpy.savez`` writes.

    Archives that need more memory than they have bytes are refused before anything is unpacked: compressed
    members, members that overlap, and headers that promise more than their member holds.

    Raises:
        ValueError: Not such an archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(set(names)) != len(names):
                raise ValueError("an array is in it twice")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("its arrays are compressed; numpy.savez writes them as they are")
            if sum(member.file_size for member in members) > len(payload):
                raise ValueError("its arrays are larger than the file")
            return {name.removesuffix(".npy"): unpack_npy(archive.read(name)) for name in names}
    except ValueError:
        raise
    except Exception as error:  # zipfile and NumPy's header parser raise a dozen kinds, none of them useful
        raise ValueError(f"not an npz archive of plain arrays ({type(error).__name__})") from error


def unpack_npy(payload: bytes) -> NDArray[Any]:
    """The array of a file that ``numpy.save`` writes, of plain numbers, in no more memory than the file has.

    Raises:
        ValueError: Not such a file.
    """
    stream = io.BytesIO(payload)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"npy version {version}; use 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    if math.prod(shape) * dtype.itemsize != len(payload) - stream.tell() or min(shape, default=1) < 0:
        raise ValueError(f"an array of {dtype} {shape} in {len(payload) - stream.tell()} bytes")
    return np.frombuffer(payload, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found
