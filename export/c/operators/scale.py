"""Multiplication by a constant in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators.pointwise import requantised
from hwrts.fixed_point import Scale


def write(writer: Writer, layer: Scale) -> Function:
    """One product (eq. 15)."""
    return requantised(writer, layer, f"x * {layer.multiplier}")
