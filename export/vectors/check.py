"""Codes that somebody wrote beside those that the vectors have: how many differ, and the first one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.vectors.written import written_words
from hwrts.fixed_point import HwrtsError
from hwrts.fixed_point.stored import unpack_npy

# Letters of the shape comments: F frames; H, W rows and columns; C channels; N = F*H*W words.

MEM, NPY = ".mem", ".npy"
"""What a file of $writememh and one of ``numpy.save`` are called."""


@dataclass(frozen=True)
class Place:
    """A pixel of an array, or a code of it: counted from 0."""

    frame: int
    row: int
    column: int
    channel: int | None = None

    def __str__(self) -> str:
        channel = "" if self.channel is None else f", channel {self.channel}"
        return f"frame {self.frame}, row {self.row}, column {self.column}{channel}"


@dataclass(frozen=True)
class Difference:
    """The first code of a file that is another one.

    Attributes:
        place: Where it is.
        expected: The code.
        found: What is there; None where a bit of it is not known.
    """

    place: Place
    expected: int
    found: int | None


@dataclass(frozen=True)
class Counts:
    """What came of a file.

    Attributes:
        codes: That there should be.
        differing: Of those that are there.
        undefined: Codes with a bit that is x or z.
        words: That there should be, one a pixel.
        missing: Words that are not there, or that nobody wrote.
        beyond: Words that are too many.
        absent: The first pixel that is not there, or that nobody wrote.
        first: The first code that differs or is undefined.
    """

    codes: int
    differing: int
    undefined: int
    words: int
    missing: int
    beyond: int
    absent: Place | None
    first: Difference | None

    @property
    def right(self) -> bool:
        """Whether every code is there, and the same."""
        return not (self.differing or self.undefined or self.missing or self.beyond)

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def count(entry: Mapping[str, Any], expected: NDArray[Any], content: bytes, name: str) -> Counts:
    """Compare the content of a file with an array of the vectors.

    Args:
        entry: What the manifest says of the array: shape, bits, signed, word_bits.
        expected: The array (F, H, W, C).
        content: Of the file.
        name: Of the file: its ending says what it is.

    Raises:
        HwrtsError: It is no such file, or of another shape.
    """
    shape = tuple(entry["shape"])
    wanted = expected.astype(np.int64).reshape(-1, shape[-1])  # (N, C)
    if name.endswith(NPY):
        codes = _stored(content, shape, name)
        return _counts(shape, wanted, codes, np.ones(wanted.shape, np.bool_), np.ones(len(wanted), np.bool_))
    found = written_words(content, len(wanted), entry["word_bits"], name)
    codes, known = found.codes(shape[-1], entry["bits"], signed=entry["signed"])
    return _counts(shape, wanted, codes, known, found.given, found.beyond)


def _stored(content: bytes, shape: tuple[int, ...], name: str) -> NDArray[np.int64]:
    """The codes (N, C) of a .npy file."""
    try:
        array = unpack_npy(content)
    except Exception as error:  # NumPy's parser of headers raises half a dozen kinds
        why = str(error).partition("\n")[0]
        raise HwrtsError(f"{name}: is no array ({why:.80}); write it with numpy.save") from error
    if array.dtype.kind not in "iub":
        raise HwrtsError(f"{name}: holds {array.dtype}, and codes are whole numbers; write integers")
    if array.shape != shape and (1, *array.shape) != shape:
        raise HwrtsError(
            f"{name}: is of shape {array.shape}; write (frames, rows, columns, channels), here {shape}"
        )
    return array.astype(np.int64).reshape(-1, shape[-1])


def _counts(
    shape: tuple[int, ...],
    wanted: NDArray[np.int64],
    codes: NDArray[np.int64],
    known: NDArray[np.bool_],
    given: NDArray[np.bool_],
    beyond: int = 0,
) -> Counts:
    """Counts of codes (N, C), of which some are known, in words (N,), of which some are given."""
    there = given[:, None]
    differing, undefined = there & known & (codes != wanted), there & ~known
    absent, wrong = np.flatnonzero(~given), np.flatnonzero(differing | undefined)
    first = None
    if len(wrong):
        word, channel = divmod(int(wrong[0]), shape[-1])
        found = int(codes[word, channel]) if known[word, channel] else None
        first = Difference(_place(shape, word, channel), int(wanted[word, channel]), found)
    return Counts(
        wanted.size,
        int(differing.sum()),
        int(undefined.sum()),
        len(wanted),
        len(absent),
        beyond,
        _place(shape, int(absent[0])) if len(absent) else None,
        first,
    )


def _place(shape: tuple[int, ...], word: int, channel: int | None = None) -> Place:
    frame, pixel = divmod(word, shape[1] * shape[2])
    return Place(frame, *divmod(pixel, shape[2]), channel)
