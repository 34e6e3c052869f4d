"""Lowering to integers, the int8 ONNX file, and the bit comparison.

``lower_conv`` needs torch and is imported when it is first asked for; everything else needs onnx and
onnxruntime alone.
"""

from typing import Any

from hwrts.export.onnx_writer import to_onnx
from hwrts.export.runtime import census, open_session, run_session
from hwrts.export.verify import Verdict, verify
from hwrts.export.witness import NumpyWitness, Witness

__all__ = [
    "NumpyWitness",
    "Verdict",
    "Witness",
    "census",
    "lower_conv",
    "open_session",
    "run_session",
    "to_onnx",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "lower_conv":
        from hwrts.export.lower import lower_conv

        return lower_conv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
