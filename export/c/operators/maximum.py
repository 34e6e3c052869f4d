"""The largest code of a pixel's channels in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Maximum, Over

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
        {{ kind }} largest = x0[0][i * {{ channels }}];
        for (int32_t c = 1; c < {{ channels }}; ++c) {
            const {{ kind }} x = x0[0][i * {{ channels }} + c];
            largest = x > largest ? x : largest;
        }
        y[0][i] = largest;
    }
"""


def write(writer: Writer, layer: Maximum) -> Function:
    """Stored codes are in the order of the codes (eq. 37)."""
    assert layer.over is Over.CHANNELS  # the others read the whole picture
    channels = writer.network.channels[layer.source]
    body = filled(BODY, kind=writer.stored(layer.name).kind, channels=channels)
    return Function(writer.function(layer, body))
