"""How C copies what one pixel of a convolution reads."""

from hwrts.export.c.function import Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv, Padding


def gathering(writer: Writer, layer: Conv, kind: str, code: str, zero: int) -> str:
    """The function that copies what one pixel reads: rows, then columns, then channels."""
    shape = layer.shape
    return filled(
        GATHER,
        name=writer.names[layer.name],
        source=writer.stored(layer.source).kind,
        kind=kind,
        rows=shape.rows,
        columns=shape.columns,
        inputs=writer.network.channels[layer.source],
        dilation=shape.dilation,
        reach=shape.reach[1],
        zeros=layer.padding is Padding.ZERO,
        mirrored=layer.padding is Padding.REFLECT,
        code=code.format("from[i]"),
        zero=zero,
    )


GATHER = """\
static void {{ name }}_gather(const {{ source }} *const *x, int32_t width, int32_t first,
    {{ kind }} *restrict a)
{
    for (int32_t row = 0; row < {{ rows }}; ++row) {
        {{ kind }} *const to = a + row * {{ columns * inputs }};
{% if zeros %}
        if (x[row] == NULL) {
            for (int32_t i = 0; i < {{ columns * inputs }}; ++i) {
                to[i] = {{ zero }};
            }
            continue;
        }
{% endif %}
{% if dilation == 1 %}
        if (first >= 0 && first + {{ reach }} < width) {
            const {{ source }} *const from = x[row] + first * {{ inputs }};
            for (int32_t i = 0; i < {{ columns * inputs }}; ++i) {
                to[i] = {{ code }};
            }
            continue;
        }
{% endif %}
        for (int32_t tap = 0; tap < {{ columns }}; ++tap) {
            {{ "const " if zeros }}int32_t column = first + tap * {{ dilation }};
{% if zeros %}
            if (column < 0 || column >= width) {
                for (int32_t i = 0; i < {{ inputs }}; ++i) {
                    to[tap * {{ inputs }} + i] = {{ zero }};
                }
                continue;
            }
{% elif mirrored %}
            column = column < 0 ? -column : column;
            column = column < width ? column : 2 * (width - 1) - column;
{% else %}
            column = column < 0 ? 0 : column < width ? column : width - 1;
{% endif %}
            const {{ source }} *const from = x[row] + column * {{ inputs }};
            for (int32_t i = 0; i < {{ inputs }}; ++i) {
                to[tap * {{ inputs }} + i] = {{ code }};
            }
        }
    }
}
"""
