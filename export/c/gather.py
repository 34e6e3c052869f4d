"""How C copies what one pixel of a convolution reads."""

from hwrts.export.c.function import Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Conv, Padding


def gathering(
    writer: Writer,
    layer: Conv,
    kind: str,
    code: str,
    zero: int,
    columns: int | None = None,
    suffix: str = "",
) -> str:
    """The function that copies what one pixel reads: rows, then columns, then channels.

    Args:
        writer: Of the network.
        layer: The convolution.
        kind: Type of the copies.
        code: What is copied of a stored code ``{}``.
        zero: What stands beyond an edge of zeros.
        columns: More of them than the kernel has, side by side: what several pixels read.
        suffix: Behind the function's name.
    """
    shape = layer.shape
    reach = shape.reach[1] if columns is None else columns - 1
    return filled(
        GATHER,
        name=writer.names[layer.name],
        source=writer.stored(layer.source).kind,
        kind=kind,
        rows=shape.rows,
        suffix=suffix,
        columns=columns or shape.columns,
        inputs=writer.network.channels[layer.source],
        dilation=shape.dilation,
        reach=reach,
        zeros=layer.padding is Padding.ZERO,
        mirrored=layer.padding is Padding.REFLECT,
        code=code.format("from[i]"),
        zero=zero,
    )


GATHER = """\
static void {{ name }}_gather{{ suffix }}(const {{ source }} *const *x, int32_t width, int32_t first,
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
