"""Max pooling in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import MaxPool, Padding

BODY = """\
    for (int32_t i = 0; i < made; ++i) {
        const int32_t from = i * {{ stride }} - {{ left }};
        const int32_t first = from < 0 ? 0 : from;
        const int32_t end = from + {{ columns }} < width ? from + {{ columns }} : width;
        for (int32_t c = 0; c < {{ channels }}; ++c) {
            {{ kind }} largest = x0[0][first * {{ channels }} + c];
            for (int32_t row = 0; row < {{ rows }}; ++row) {
                for (int32_t column = first; column < end; ++column) {
                    const {{ kind }} x = x0[row][column * {{ channels }} + c];
                    largest = x > largest ? x : largest;
                }
            }
            y[0][i * {{ channels }} + c] = largest;
        }
    }
"""


def write(writer: Writer, layer: MaxPool) -> Function:
    """Stored codes are in the order of the codes; rows outside are the nearest inside (eq. 30)."""
    (rows, columns), (top, left, _, _) = layer.kernel, layer.pads
    body = filled(
        BODY,
        rows=rows,
        columns=columns,
        stride=layer.stride,
        left=left,
        channels=writer.network.channels[layer.name],
        kind=writer.stored(layer.name).kind,
    )
    given = tuple(row - top for row in range(rows))
    return Function(writer.function(layer, body), given, Padding.REPLICATE)
