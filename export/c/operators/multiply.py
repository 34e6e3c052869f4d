"""Product of two tensors in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators.add import pairwise
from hwrts.fixed_point import Multiply


def write(writer: Writer, layer: Multiply) -> Function:
    """Products of codes (eq. 24)."""
    return pairwise(writer, layer, "{} * {}")
