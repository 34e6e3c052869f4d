"""Depth-to-space in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import DepthToSpace

BODY = """\
    for (int32_t row = 0; row < {{ block }}; ++row) {
        for (int32_t i = 0; i < width; ++i) {
            for (int32_t column = 0; column < {{ block }}; ++column) {
                for (int32_t c = 0; c < {{ channels }}; ++c) {
                    y[row][(i * {{ block }} + column) * {{ channels }} + c] =
                        x0[0][i * {{ deep }} + (c * {{ block }} + row) * {{ block }} + column];
                }
            }
        }
    }
"""


def write(writer: Writer, layer: DepthToSpace) -> Function:
    """Channels to pixels (eq. 7)."""
    channels = writer.network.channels[layer.name]
    body = filled(BODY, block=layer.block, channels=channels, deep=writer.network.channels[layer.source])
    return Function(writer.function(layer, body))
