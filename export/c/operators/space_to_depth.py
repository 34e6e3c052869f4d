"""Space-to-depth in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import SpaceToDepth

BODY = """\
    for (int32_t i = 0; i < made; ++i) {
        for (int32_t c = 0; c < {{ channels }}; ++c) {
            for (int32_t row = 0; row < {{ block }}; ++row) {
                for (int32_t column = 0; column < {{ block }}; ++column) {
                    y[0][i * {{ deep }} + (c * {{ block }} + row) * {{ block }} + column] =
                        x0[row][(i * {{ block }} + column) * {{ channels }} + c];
                }
            }
        }
    }
"""


def write(writer: Writer, layer: SpaceToDepth) -> Function:
    """Pixels to channels (eq. 31)."""
    channels = writer.network.channels[layer.source]
    body = filled(BODY, block=layer.block, channels=channels, deep=writer.network.channels[layer.name])
    return Function(writer.function(layer, body), tuple(range(layer.block)))
