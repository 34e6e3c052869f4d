"""Channels in another order in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Reorder

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
        for (int32_t c = 0; c < {{ made }}; ++c) {
            y[0][i * {{ made }} + c] = x0[0][i * {{ channels }} + {{ name }}_order[c]];
        }
    }
"""


def write(writer: Writer, layer: Reorder) -> Function:
    """Stored codes that are passed on (eq. 25b)."""
    body = filled(
        BODY,
        made=len(layer.order_i32),
        channels=writer.network.channels[layer.source],
        name=writer.names[layer.name],
    )
    return Function(writer.function(layer, body, [("int32_t", "order", layer.order_i32.tolist())]))
