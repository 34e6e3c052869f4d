"""Leaky ReLU in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators.pointwise import requantised
from hwrts.fixed_point import PRelu


def write(writer: Writer, layer: PRelu) -> Function:
    """A shift from zero on, a product below (eq. 16)."""
    slopes = f"{writer.names[layer.name]}_slopes"
    acc = f"x * (x >= 0 ? {1 << layer.slope_frac} : (int32_t){slopes}[c])"
    return requantised(writer, layer, acc, (("int8_t", "slopes", layer.slope_i8.tolist()),))
