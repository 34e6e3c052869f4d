"""The int8 ONNX file of an integer network, and the bit comparison; onnx and onnxruntime, without torch."""

from hwrts.export.onnx_writer import to_onnx
from hwrts.export.runtime import census, open_session, run_session
from hwrts.export.verify import Verdict, verify
from hwrts.export.witness import NumpyWitness, Witness

__all__ = [
    "NumpyWitness",
    "Verdict",
    "Witness",
    "census",
    "open_session",
    "run_session",
    "to_onnx",
    "verify",
]
