"""The int8 TensorFlow Lite file of an integer network."""

from hwrts.export.tflite.file import TfliteFile, to_tflite, write_tflite
from hwrts.export.tflite.writer import Flavour, stored

__all__ = ["Flavour", "TfliteFile", "stored", "to_tflite", "write_tflite"]
