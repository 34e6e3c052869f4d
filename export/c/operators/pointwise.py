"""One code to one code, of the same channel and pixel: the loop that several operators share."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import PRelu, Scale

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
        for (int32_t c = 0; c < {{ channels }}; ++c) {
            const int32_t x = {{ x }};
            const {{ kind }} acc = {{ acc }};
            const {{ kind }} code = {{ code }};
            y[0][i * {{ channels }} + c] = {{ keep }};
        }
    }
"""


def requantised(
    writer: Writer, layer: Scale | PRelu, acc: str, tables: tuple[tuple[str, str, list[int]], ...] = ()
) -> Function:
    """An accumulator of a code ``x`` of a channel ``c``."""
    channels, numbers = writer.network.channels[layer.name], writer.requantiser(layer)
    body = filled(
        BODY,
        channels=channels,
        kind=numbers.kind,
        x=writer.stored(layer.source).code(f"x0[0][i * {channels} + c]"),
        acc=acc.replace("x *", "x *" if numbers.kind == "int32_t" else f"({numbers.kind})x *"),
        code=numbers.code("acc", ""),
        keep=numbers.stored("code"),
    )
    return Function(writer.function(layer, body, tables))
