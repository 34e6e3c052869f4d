"""One word a pixel: channel 0 in the low bits, two's complement of the tensor's width, hexadecimal.

A file of it is what $readmemh reads: one word a line, rows from top to bottom, pixels from left to right.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Format, HwrtsError

# Letters of the shape comments: H, W rows and columns; C channels; B bits of a word.


def word_bits(channels: int, bits: int) -> int:
    """Bits of a word that holds so many numbers of ``bits`` bits; above them its hex digits are 0."""
    return channels * bits


def packed(codes: NDArray[np.integer], bits: int) -> list[int]:
    """The words of codes (..., C), as numbers of zero and above, from the first pixel to the last.

    word = sum over c of (codes[c] mod 2**bits) * 2**(bits*c)

    Args:
        codes: Codes (..., C) that fit ``bits`` bits, signed or not.
        bits: Of each of them, 1..64.

    Raises:
        HwrtsError: A code that fits neither.

    >>> [hex(word) for word in packed(np.array([[[1, -1], [127, -128]]]), 8)]
    ['0xff01', '0x807f']
    >>> [hex(word) for word in packed(np.array([[-1, 0, 3]]), 5)]  # 00011 00000 11111
    ['0xc1f']
    """
    flat = codes.astype(np.int64).reshape(-1, codes.shape[-1])  # (H*W, C)
    if flat.size and not -(1 << (bits - 1)) <= int(flat.min()) <= int(flat.max()) < 1 << bits:
        raise HwrtsError(f"packing: codes {flat.min()}..{flat.max()} do not fit {bits} bits")
    places = np.arange(bits, dtype=np.int64)
    ones = ((flat[:, :, None] >> places) & 1).astype(np.uint8).reshape(len(flat), -1)  # (H*W, B)
    rows = np.packbits(ones, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def unpacked(words: Sequence[int], channels: int, out: Format) -> NDArray[np.integer]:
    """The codes (pixels, C) of words, in the dtype of their format: the inverse of :func:`packed`.

    >>> unpacked([0x807F], 2, Format(True, 8, 8)).tolist()
    [[127, -128]]
    >>> unpacked([0x807F], 2, Format(False, 8, 8)).tolist()
    [[127, 128]]
    """
    size = -(-word_bits(channels, out.bits) // 8)
    payload = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8)
    ones = np.unpackbits(payload.reshape(-1, size), axis=1, bitorder="little")  # (pixels, 8*size)
    of_format: NDArray[np.integer] = joined(ones, channels, out.bits, signed=out.signed).astype(out.dtype)
    return of_format


def joined(ones: NDArray[np.uint8], channels: int, bits: int, *, signed: bool) -> NDArray[np.int64]:
    """The codes (N, C) of words whose bits (N, at least B) stand from the low one to the high one.

    >>> joined(np.array([[0, 1, 1, 1, 0, 0]], np.uint8), 2, 3, signed=True).tolist()
    [[-2, 1]]
    """
    split = ones[:, : channels * bits].reshape(-1, channels, bits).astype(np.int64)
    codes: NDArray[np.int64] = (split << np.arange(bits, dtype=np.int64)).sum(axis=2)  # (N, C)
    if signed:
        codes -= (codes >> (bits - 1)) << bits
    return codes


def words_text(words: Iterable[int], bits: int) -> str:
    r"""The text of a file: one word a line, as many hex digits as ``bits`` bits need.

    >>> words_text([1, 0xABC], 12)
    '001\nabc\n'
    """
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def read_words(text: str, where: str = "words") -> list[int]:
    r"""The words of such a file; comments of Verilog (``//``) and empty lines are left out.

    Raises:
        HwrtsError: A line is no hexadecimal number, such as the x of a signal that nobody has set.

    >>> read_words("// two\n0a\n\nff\n")
    [10, 255]
    """
    words = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("//")[0].strip()
        if not word:
            continue
        try:
            words.append(int(word, 16))
        except ValueError:
            raise HwrtsError(
                f"{where}: line {number}, {word[:40]!r} is no hexadecimal number; is a signal undefined?"
            ) from None
    return words
