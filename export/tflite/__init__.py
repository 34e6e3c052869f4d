"""The int8 TensorFlow Lite file of an integer network."""

from hwrts.export.tflite.file import TfliteFile, other_codes, to_tflite, write_tflite
from hwrts.export.tflite.target import TFLITE_TARGETS, TfliteTarget
from hwrts.export.tflite.writer import Flavour, stored

__all__ = [
    "TFLITE_TARGETS",
    "Flavour",
    "TfliteFile",
    "TfliteTarget",
    "other_codes",
    "stored",
    "to_tflite",
    "write_tflite",
]
