"""The int8 TensorFlow Lite file of an integer network, and the runtimes that it is compared in."""

from hwrts.export.tflite.file import TfliteFile, to_tflite, write_tflite
from hwrts.export.tflite.writer import Flavour, from_stored, stored

__all__ = ["Flavour", "TfliteFile", "from_stored", "stored", "to_tflite", "write_tflite"]
