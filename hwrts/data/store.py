"""Decoded photographs as memory-mapped arrays on disk, so that memory stays bounded however many there are.

Layout of the folder, n being the position in the store:

    index.json          names and shapes; written last, so a folder without it is an interrupted build
    hr/00000.npy        (H, W, 3) uint8, the original cropped to even H and W
    lr/00000.npy        (H/2, W/2, 3) uint8, degraded
    lr1/00000.npy       the same, other draws of what the degradation draws; as many as there are versions
    <kind>/00000.npy    (H, W, 3) uint8, added later, such as target1

A store of pixels of more than 8 bits holds uint16 in place of uint8: codes of so many bits.

Behind its array each .npy file has the SHA-256 of the bytes before, which readers of NumPy leave alone; it is
checked when a picture is first used. Files from before that have none.
"""

import hashlib
import io
import json
import math
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hwrts.data.dataset import Photo, load_deep, load_photo
from hwrts.data.degrade import CLEAN, Footage, Kernel, degrade
from hwrts.data.depth import on_grid, to_bytes
from hwrts.data.images import image_size
from hwrts.errors import DataError, RunFolderError
from hwrts.files.atomic import atomic_file, check_free_space
from hwrts.files.read import Document, Text, check_document, read_json

_INDEX = "index.json"
_UNFINISHED = "unfinished"  # an empty file: this folder is ours to clear when a build was interrupted
_VERSION = 1
_LR = re.compile(r"lr\d*")
_KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,63}")

_HR_BYTES, _LR_BYTES = 3.0, 0.75  # of a pixel of hr
_EMBEDDED_PIXELS = 741 * 500  # the largest embedded photograph
_DIGEST_BYTES = hashlib.sha256().digest_size
_FILE_OVERHEAD = 2 * 4096  # headers, and the last block of two files

_Side = Annotated[int, Field(ge=2, lt=1 << 24, multiple_of=2)]


MAX_VERSIONS = 64
"""Of a photograph's LR picture: sixteen times the bytes of its original."""


class _Index(Document):
    """index.json; what else stands in it is for people."""

    versions: Annotated[int, Field(ge=1, le=MAX_VERSIONS)] = 1  # not in stores from before there were several
    bits: Annotated[int, Field(ge=8, le=16)] = 8  # nor in stores of 8 bits
    names: list[Text]
    shapes: list[Annotated[list[_Side], Field(min_length=2, max_length=2)]]


@dataclass(frozen=True)
class PhotoStore:
    """A complete store: its folder, the photographs' names, and the (H, W) of their hr arrays, both even."""

    folder: Path
    names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    versions: int = 1
    """How many LR pictures each has: kinds "lr", "lr1", ..."""
    bits: int = 8
    """Of a code; :meth:`array` gives 8 of them, whatever they are."""
    _checked: set[Path] = field(default_factory=set, init=False, repr=False, compare=False)

    def array(self, i: int, kind: str) -> NDArray[np.uint8]:
        """8-bit codes of a picture, rounded if the store has more; arguments and errors of :meth:`whole`."""
        return to_bytes(self.whole(i, kind), self.bits) if self.bits > 8 else self.whole(i, kind)

    def whole(self, i: int, kind: str) -> NDArray[Any]:
        """Read-only memory map of one picture with all its bits; only the parts that are indexed are read.

        Args:
            i: Position in the store, 0..len(names)-1.
            kind: "hr" (H, W, 3), "lr" (H/2, W/2, 3), or a kind that was written, (H, W, 3).

        Raises:
            DataError: No such picture or kind, or the file is damaged.
        """
        path = self._path(i, kind)
        try:
            if path not in self._checked:
                _check_file(path, self._shape(i, kind), self._dtype.itemsize)
            pixels: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise DataError(
                f"{path}: the store has no '{kind}' of '{self.names[i]}'; write it first"
            ) from error
        except Exception as error:  # NumPy's header parser raises a dozen kinds
            raise DataError(f"{path}: damaged array ({error}); build the store again") from error
        if pixels.dtype != self._dtype or pixels.shape != self._shape(i, kind):
            found, wanted = f"{pixels.dtype} {pixels.shape}", f"{self._dtype} {self._shape(i, kind)}"
            raise DataError(f"{path}: holds {found} where {wanted} belongs; build the store again")
        self._checked.add(path)
        return pixels

    def pictures(self, kind: str) -> Iterator[NDArray[np.uint8]]:
        """All pictures of a kind, each as :meth:`array` gives it."""
        return (self.array(i, kind) for i in range(len(self.names)))

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    def write(self, i: int, kind: str, pixels: NDArray[Any]) -> None:
        """Add or replace one picture of a kind; it appears complete or not at all.

        Raises:
            DataError: Not codes of the store's type and that kind's shape (see `whole`), no such picture, a
                bad name, or a full disk.
        """
        path = self._path(i, kind)
        if pixels.dtype != self._dtype or pixels.shape != self._shape(i, kind):
            found, wanted = f"{pixels.dtype} {pixels.shape}", f"{self._dtype} {self._shape(i, kind)}"
            raise DataError(f"'{kind}' of '{self.names[i]}' is {found}; give {wanted}")
        self._checked.discard(path)
        _write_array(path, pixels)

    def has(self, kind: str) -> bool:
        """Whether this kind is there for all photographs."""
        return all(self._path(i, kind).is_file() for i in range(len(self.names)))

    def _path(self, i: int, kind: str) -> Path:
        if not 0 <= i < len(self.names):
            raise DataError(f"{self.folder}: no picture {i}; the store has 0..{len(self.names) - 1}")
        if not _KIND_PATTERN.fullmatch(kind):  # it becomes a folder name: no separators, no dots
            raise DataError(f"kind '{kind}' is not allowed; use small letters, digits and _, such as target1")
        return self.folder / kind / f"{i:05d}.npy"

    def _shape(self, i: int, kind: str) -> tuple[int, int, int]:
        height, width = self.shapes[i]
        return (height // 2, width // 2, 3) if _LR.fullmatch(kind) else (height, width, 3)


def lr_kind(version: int) -> str:
    """Name in a store of the LR pictures of one version, 0 the first."""
    return f"lr{version}" if version else "lr"


def open_store(folder: Path) -> PhotoStore:
    """Open a store that `build_store` completed.

    Raises:
        DataError: No store, an interrupted build, or a damaged index.
    """
    path = folder / _INDEX
    if not path.is_file():
        raise DataError(f"{folder}: no complete photo store (no {_INDEX}); build it (again)")
    try:
        index = read_json(path, "build the store again")
        if index.get("version") != _VERSION:
            raise DataError(
                f"{path}: version {index.get('version')!r:.40}, this program reads {_VERSION}; "
                "build the store again"
            )
        check_document(index, _Index, str(path), "build the store again")
    except RunFolderError as error:
        raise DataError(str(error)) from error
    names = tuple(index["names"])
    shapes = tuple((height, width) for height, width in index["shapes"])
    store = PhotoStore(folder, names, shapes, index.get("versions", 1), index.get("bits", 8))
    kinds = ("hr", *map(lr_kind, range(store.versions)))
    if not names or len(names) != len(shapes) or not all(map(store.has, kinds)):
        raise DataError(f"{folder}: the photo store lacks some of its pictures; build it again")
    return store


def build_store(
    photos: Sequence[Photo],
    folder: Path,
    *,
    jpeg: int | tuple[int, int] | None,
    kernel: Kernel | tuple[Kernel, ...],
    blur: float | tuple[float, float] = 0.0,
    footage: Footage = CLEAN,
    versions: int = 1,
    seed: int,
    strict: bool,
    min_size: int,
    targets: int = 0,
    bits: int = 8,
    progress: Callable[[int, int], None] | None,
) -> tuple[PhotoStore, tuple[tuple[str, str], ...]]:
    """Decode each photograph once and write its original and its degraded version.

    An older or interrupted store in the folder is replaced. One photograph is in memory at a time.

    Args:
        photos: What to store; names should be distinct.
        folder: Is created; must be empty or hold a store.
        jpeg: As in `degrade`. The seed of photograph k of ``photos`` is seed + k, counting skipped ones too:
            a file that breaks does not change the degradation of the others.
        kernel: As in `degrade`.
        blur: As in `degrade`.
        footage: As in `degrade`.
        versions: LR pictures of each photograph, with draws of their own: the first has the seed above, the
            others that and their number.
        seed: See ``jpeg``.
        strict: Raise on the first unusable photograph instead of skipping it.
        min_size: Least width and height after cropping to even sizes (2 if less is given).
        targets: How many kinds of target will be written later: their space must be free now.
        bits: Of a code. Photographs of 8 bits have zeros behind them, those of 16 their upper bits.
        progress: Called with (done, total) after each photograph, or None.

    Returns:
        The store, and (name, reason) of each photograph that was skipped.

    Raises:
        DataError: Nothing usable, the folder holds something else or can't be written, the disk is full, bad
            ``jpeg`` or ``kernel``; with ``strict`` also any unusable photograph.
    """
    if not photos:
        raise DataError(f"{folder}: no photographs to store; give at least one")
    _clear(folder)
    check_free_space(folder, _estimate_bytes(photos, targets, versions) * (1 if bits == 8 else 2))

    names: list[str] = []
    shapes: list[tuple[int, int]] = []
    skipped: list[tuple[str, str]] = []
    for k, photo in enumerate(photos):
        try:
            hr = _load_even(photo, max(min_size, 2), bits)  # (H, W, 3)
        except DataError as error:
            if strict:
                raise
            skipped.append((photo.name, str(error)))
        else:
            file = f"{len(names):05d}.npy"
            _write_array(folder / "hr" / file, hr)
            for version in range(versions):
                own = (seed + k, version) if version else seed + k
                lr = degrade(hr, jpeg=jpeg, kernel=kernel, blur=blur, footage=footage, seed=own, bits=bits)
                _write_array(folder / lr_kind(version) / file, lr)
            names.append(photo.name)
            shapes.append((hr.shape[0], hr.shape[1]))
        if progress is not None:
            progress(k + 1, len(photos))
    if not names:
        raise DataError(f"none of {len(photos)} photographs is usable; the first: {skipped[0][1]}")

    # for the reader of the file
    made = {"jpeg": jpeg, "kernel": kernel, "blur": blur, "footage": asdict(footage), "seed": seed}
    said = {**made, "skipped": skipped} | ({"bits": bits} if bits > 8 else {})
    return _complete(folder, names, shapes, versions, said, bits), tuple(skipped)


def store_pictures(pictures: Mapping[str, NDArray[np.uint8]], folder: Path) -> PhotoStore:
    """Pictures that are decoded already as a store, each with a clean LR by the bicubic kernel.

    Args:
        pictures: (H, W, 3) uint8 by name, both sides even.
        folder: As of :func:`build_store`.

    Raises:
        DataError: The folder holds something else or can't be written, or the disk is full.
    """
    _clear(folder)
    kernel: Kernel = "bicubic"
    for i, pixels in enumerate(pictures.values()):
        _write_array(folder / "hr" / f"{i:05d}.npy", pixels)
        lr = degrade(pixels, jpeg=None, kernel=kernel, seed=0)
        _write_array(folder / lr_kind(0) / f"{i:05d}.npy", lr)
    shapes = [(pixels.shape[0], pixels.shape[1]) for pixels in pictures.values()]
    return _complete(folder, list(pictures), shapes, 1, {"jpeg": None, "kernel": kernel})


def _complete(
    folder: Path,
    names: list[str],
    shapes: list[tuple[int, int]],
    versions: int,
    made: dict[str, Any],
    bits: int = 8,
) -> PhotoStore:
    """The store of a folder, whose pictures are all there; ``made`` says how, to who reads its index."""
    index = {"version": _VERSION, "names": names, "shapes": shapes, **made}
    if versions > 1:
        index["versions"] = versions
    with atomic_file(folder / _INDEX) as out:
        out.write(json.dumps(index, indent=1).encode())
    (folder / _UNFINISHED).unlink(missing_ok=True)
    return PhotoStore(folder, tuple(names), tuple(shapes), versions, bits)


def _load_even(photo: Photo, min_size: int, bits: int) -> NDArray[Any]:
    pixels: NDArray[Any] = on_grid(load_deep(photo), bits) if bits > 8 else load_photo(photo)
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    if min(height, width) < min_size:
        where = photo.path or photo.name
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise DataError(
            f"{where}: {found} is too small; both sides must be {min_size} or more, cropped to even"
        )
    return np.ascontiguousarray(pixels[:height, :width])  # (H, W, 3)


def _write_array(path: Path, pixels: NDArray[Any]) -> None:
    """A .npy file, atomically; not by ndarray.tofile, whose error does not say that the disk is full."""
    pixels = np.ascontiguousarray(pixels)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(pixels))
    digest = hashlib.sha256(header.getvalue())
    digest.update(pixels.data)
    _make_folder(path.parent)
    with atomic_file(path, needed_bytes=pixels.nbytes) as file:
        file.write(header.getvalue())
        file.write(pixels.data)
        file.write(digest.digest())


def _check_file(path: Path, shape: tuple[int, int, int], itemsize: int) -> None:
    """Whether an array file holds as many bytes as its picture needs, and those that were written.

    Raises:
        OSError: No regular file.
        ValueError: It is too short or too long, or its bytes are not those of its checksum.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"npy version {version}")
        np.lib.format.read_array_header_1_0(file)
        end = file.tell() + math.prod(shape) * itemsize
        extra = path.stat().st_size - end
        if extra not in (0, _DIGEST_BYTES):
            raise ValueError(f"{extra} bytes behind a picture of {shape}")
        if not extra:
            return  # of an hwrts that wrote no checksums
        file.seek(0)
        digest = hashlib.sha256()
        while left := end - file.tell():
            digest.update(file.read(min(left, 1 << 20)))
        if file.read() != digest.digest():
            raise ValueError("its bytes do not match its checksum")


def _estimate_bytes(photos: Sequence[Photo], targets: int, versions: int) -> int:
    bytes_per_pixel = _HR_BYTES * (1 + targets) + _LR_BYTES * versions
    total = 0.0
    for photo in photos:
        try:
            height, width = (
                (1, _EMBEDDED_PIXELS) if photo.path is None else image_size(photo.path, photo.max_megapixels)
            )
        except DataError:
            continue  # reported when it is decoded
        total += height * width * bytes_per_pixel + _FILE_OVERHEAD
    return int(total)


def _clear(folder: Path) -> None:
    """An empty folder marked as unfinished. Never deletes anything but a store."""
    _make_folder(folder)
    entries = sorted(entry.name for entry in folder.iterdir())
    if entries and _INDEX not in entries and _UNFINISHED not in entries:
        raise DataError(
            f"{folder}: is not empty and no photo store ('{entries[0]}' is in it); choose another folder"
        )
    with atomic_file(folder / _UNFINISHED):
        pass  # before the index goes, so that at no moment the folder looks like somebody else's
    (folder / _INDEX).unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and _KIND_PATTERN.fullmatch(entry.name):
            _remove_folder(entry)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: can't be created ({error.strerror or error}); choose another folder"
        ) from error


def _remove_folder(folder: Path) -> None:
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise DataError(
            f"{folder}: can't be deleted ({error.strerror or error}); check its permissions"
        ) from error
