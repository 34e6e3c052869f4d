"""What is used of Brevitas, imported without the compiler of torch: 0.3 s in place of 1.2.

Brevitas asks torch's compiler whether it is at work, and imports it to be able to ask (800 modules), although
nothing here is ever compiled. While Brevitas is imported a stand-in takes the question; a compiler that is
loaded already, or later, answers itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

__all__ = [
    "Int8ActPerTensorFixedPoint",
    "Int8WeightPerChannelFixedPoint",
    "Int32Bias",
    "RestrictValueType",
    "ScalingImplType",
    "Uint8ActPerTensorFixedPoint",
    "qnn",
]

_COMPILER = f"{torch.__name__}._dynamo"


def is_compiling() -> bool:
    """Whether torch's compiler is at work: what was never loaded is not."""
    compiler: Any = sys.modules.get(_COMPILER)
    return compiler is not None and bool(compiler.is_compiling())


@contextmanager
def _asking_no_compiler() -> Iterator[None]:
    """A stand-in with that one question, where the compiler is not loaded."""
    if _COMPILER in sys.modules:
        yield
        return
    stand_in: Any = ModuleType(_COMPILER)
    stand_in.is_compiling = is_compiling
    sys.modules[_COMPILER] = stand_in
    try:
        yield
    finally:
        del sys.modules[_COMPILER]


with _asking_no_compiler():
    import brevitas  # noqa: F401 - its first line decides; its parts are imported without the stand-in

import brevitas.nn as qnn  # noqa: E402
from brevitas.inject.enum import RestrictValueType, ScalingImplType  # noqa: E402
from brevitas.quant.fixed_point import (  # noqa: E402
    Int8ActPerTensorFixedPoint,
    Int8WeightPerChannelFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import Int32Bias  # noqa: E402
