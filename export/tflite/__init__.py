"""The int8 TensorFlow Lite file of an integer network, and the runtimes that it is compared in."""

from hwrts.export.tflite.clients import CLIENTS, Client, check_tflite, described, python_of, run_tflite
from hwrts.export.tflite.file import TfliteFile, to_tflite, write_tflite
from hwrts.export.tflite.writer import Flavour, from_stored, stored

__all__ = [
    "CLIENTS",
    "Client",
    "Flavour",
    "TfliteFile",
    "check_tflite",
    "described",
    "from_stored",
    "python_of",
    "run_tflite",
    "stored",
    "to_tflite",
    "write_tflite",
]
