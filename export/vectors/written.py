"""What a simulator wrote: the words of $writememh, digit by digit, with what it does not know."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.export.vectors.packing import joined
from hwrts.fixed_point import HwrtsError

# Letters of the shape comments: N words; D hexadecimal digits of one; C channels.

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_ADDRESS = re.compile(rb"@[0-9a-fA-F]{1,16}")
_UNKNOWN = 16
"""Instead of the value of a digit: x or z, of which some bit is not known."""
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, np.uint8)
for _value, _letter in enumerate(b"0123456789abcdef"):
    _VALUES[_letter] = _value
    _VALUES[ord(chr(_letter).upper())] = _value
_VALUES[list(b"xXzZ")] = _UNKNOWN
_SPARE = 64
"""Digits that words may have beside twice their own: zeros in front of them."""
_AT_ONCE = 1 << 18
"""Digits that are taken apart at once: their bits are bytes, and then numbers of eight."""


@dataclass(frozen=True)
class Written:
    """The words of a file, as far as there are any.

    Attributes:
        digits: (N, D) uint8, the high one first.
        given: (N,) whether the word is there: the simulator counted it, and knew a bit of it or a later one.
        beyond: Words that are too many.
    """

    digits: NDArray[np.uint8]
    given: NDArray[np.bool_]
    beyond: int

    def codes(self, channels: int, bits: int, *, signed: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Codes (N, C) of the words, and which of them are known in every bit."""
        count, digits = self.digits.shape
        codes, known = np.empty((count, channels), np.int64), np.empty((count, channels), np.bool_)
        step = max(1, _AT_ONCE // digits)
        for first in range(0, count, step):
            part = self.digits[first : first + step, ::-1]  # (n, D), the low one first
            ones = part[:, :, None] >> np.arange(4, dtype=np.uint8) & np.uint8(1)  # (n, D, 4)
            unsure = np.repeat(part == _UNKNOWN, 4, axis=1)[:, : channels * bits]
            codes[first : first + step] = joined(ones.reshape(len(part), -1), channels, bits, signed=signed)
            known[first : first + step] = ~unsure.reshape(-1, channels, bits).any(axis=2)
        return codes, known


def written_words(content: bytes, words: int, bits: int, where: str) -> Written:
    r"""The words of a file of $writememh, with comments, addresses, underscores, and x or z for digits.

    Words at the end of which no digit is known are those of a memory that nobody has written: they are not
    given.

    Args:
        content: Of the file.
        words: That there should be.
        bits: Of each.
        where: Name of the file, for messages.

    Raises:
        HwrtsError: Something else stands in it, or a word of more bits.

    >>> found = written_words(b"// 0x0\n0a\n@2 1x\nxx // never\n", 4, 8, "out.mem")
    >>> found.given.tolist(), found.beyond
    ([True, False, True, False], 0)
    >>> [each.tolist() for each in found.codes(1, 8, signed=True)]
    [[[10], [0], [16], [0]], [[True], [False], [False], [False]]]
    """
    width = -(-bits // 4)
    digits = np.full((words, width), _UNKNOWN, np.uint8)
    given = np.zeros(words, np.bool_)
    place = beyond = 0
    for address, tokens in _pieces(content, where):
        place = place if address is None else address
        fitting = tokens[: max(0, words - place)]
        beyond += len(tokens) - len(fitting)
        if fitting:
            end = place + len(fitting)
            digits[place:end] = _digits(fitting, width, bits, content, where)
            given[place:end] = True
        place += len(tokens)
    known = np.flatnonzero((digits != _UNKNOWN).any(axis=1))
    given[int(known[-1]) + 1 if len(known) else 0 :] = False
    return Written(digits, given, beyond)


def _pieces(content: bytes, where: str) -> list[tuple[int | None, list[bytes]]]:
    """Runs of words, each with the address in front of it."""
    plain = _COMMENT.sub(b" ", content) if b"/" in content else content
    tokens = plain.replace(b"_", b"").split()
    if b"@" not in plain:
        return [(None, tokens)]
    marks = [i for i, token in enumerate(tokens) if token.startswith(b"@")]
    ends = [*marks, len(tokens)]
    made: list[tuple[int | None, list[bytes]]] = [(None, tokens[: ends[0]])]
    for mark, end in zip(marks, ends[1:], strict=True):
        if not _ADDRESS.fullmatch(tokens[mark]):
            raise _refused(tokens[mark], "is no address", content, where)
        made.append((int(tokens[mark][1:], 16), tokens[mark + 1 : end]))
    return made


def _digits(tokens: list[bytes], width: int, bits: int, content: bytes, where: str) -> NDArray[np.uint8]:
    """The values of digits (N, D) of words."""
    longest = max(width, max(map(len, tokens)))
    if longest > 2 * width + _SPARE:  # or one word could make all of them as long
        raise _refused(max(tokens, key=len), f"has more than the {bits} bits of a word", content, where)
    padded = b"".join(
        token if len(token) == longest else token.rjust(longest, _in_front(token)) for token in tokens
    )
    values = _VALUES[np.frombuffer(padded, np.uint8)].reshape(-1, longest)
    if len(wrong := np.flatnonzero((values == _NO_DIGIT).any(axis=1))):
        raise _refused(tokens[wrong[0]], "is no word of hexadecimal digits, x and z", content, where)
    top = values[:, longest - width]
    above = (values[:, : longest - width] % _UNKNOWN).any(axis=1) | (top % _UNKNOWN >> (bits - 1) % 4 + 1 > 0)
    if len(wrong := np.flatnonzero(above)):
        raise _refused(tokens[wrong[0]], f"has more than the {bits} bits of a word", content, where)
    return values[:, longest - width :]


def _in_front(token: bytes) -> bytes:
    """What a shorter word has in front of it: zeros, or more of what is not known (IEEE 1364, 2.5.1)."""
    return token[:1] if token[:1] in b"xXzZ" else b"0"


def _refused(token: bytes, why: str, content: bytes, where: str) -> HwrtsError:
    lines = content.replace(b"_", b"").splitlines()
    number = next((i for i, line in enumerate(lines, 1) if token in line), 0)
    shown = token[:40].decode("ascii", "replace")
    return HwrtsError(f"{where}: line {number}, {shown!r} {why}; write it with $writememh")
