"""Pixel repetition in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Repeat

BODY = """\
    for (int32_t row = 0; row < {{ factor }}; ++row) {
        for (int32_t i = 0; i < made; ++i) {
            for (int32_t c = 0; c < {{ channels }}; ++c) {
                y[row][i * {{ channels }} + c] = x0[0][i / {{ factor }} * {{ channels }} + c];
            }
        }
    }
"""


def write(writer: Writer, layer: Repeat) -> Function:
    """Each code in a square (eq. 8)."""
    body = filled(BODY, factor=layer.factor, channels=writer.network.channels[layer.name])
    return Function(writer.function(layer, body))
