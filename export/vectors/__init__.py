"""Codes as files that simulators read."""

from hwrts.export.vectors.packing import packed, read_words, unpacked, word_bits, words_text

__all__ = ["packed", "read_words", "unpacked", "word_bits", "words_text"]
