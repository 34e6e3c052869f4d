"""A slice of channels in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Slice

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
        for (int32_t c = 0; c < {{ kept }}; ++c) {
            y[0][i * {{ kept }} + c] = x0[0][i * {{ channels }} + {{ start }} + c];
        }
    }
"""


def write(writer: Writer, layer: Slice) -> Function:
    """Stored codes that are passed on (eq. 25)."""
    channels = writer.network.channels[layer.source]
    body = filled(BODY, kept=layer.stop - layer.start, channels=channels, start=layer.start)
    return Function(writer.function(layer, body))
