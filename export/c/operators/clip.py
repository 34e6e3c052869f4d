"""Limits of codes in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Clip

BODY = """\
    for (int32_t i = 0; i < width * {{ channels }}; ++i) {
        const int32_t x = (int32_t)x0[0][i];
        y[0][i] = ({{ kind }})(x < {{ low }} ? {{ low }} : x > {{ high }} ? {{ high }} : x);
    }
"""


def write(writer: Writer, layer: Clip) -> Function:
    """Stored codes are in the order of the codes (eq. 27)."""
    stored, channels = writer.stored(layer.name), writer.network.channels[layer.name]
    low, high = layer.low + stored.zero, layer.high + stored.zero
    return Function(
        writer.function(layer, filled(BODY, channels=channels, kind=stored.kind, low=low, high=high))
    )
