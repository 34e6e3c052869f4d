"""Addition and subtraction in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Add, Multiply, registers_of

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
        for (int32_t c = 0; c < {{ channels }}; ++c) {
            const {{ kind }} acc = {{ acc }};
            const {{ kind }} code = {{ code }};
            y[0][i * {{ channels }} + c] = {{ keep }};
        }
    }
"""


def write(writer: Writer, layer: Add) -> Function:
    """Both operands on the finer grid (eq. 6, 32)."""
    finer = layer.acc_frac(*writer.network.formats_of(layer.sources))
    aligned = [1 << (finer - writer.network.formats[source].frac) for source in layer.sources]
    sign = "-" if layer.negated else "+"
    return pairwise(writer, layer, f"{{}} * {aligned[0]} {sign} {{}} * {aligned[1]}")


def pairwise(writer: Writer, layer: Add | Multiply, acc: str) -> Function:
    """An accumulator of a code of each operand, of which one channel meets all, and a register all pixels."""
    registers = registers_of(writer.network.steps)
    channels, numbers = writer.network.channels[layer.name], writer.requantiser(layer)
    codes = []
    for place, source in enumerate(layer.sources):
        one = writer.network.channels[source] == 1 and channels > 1
        index = "i" if one else f"i * {channels} + c"
        if source in registers:
            index = "0" if writer.network.channels[source] == 1 else "c"
        code = writer.stored(source).code(f"x{place}[0][{index}]")
        codes.append(code if numbers.kind == "int32_t" else f"({numbers.kind}){code}")
    body = filled(
        BODY,
        channels=channels,
        kind=numbers.kind,
        acc=acc.format(*codes),
        code=numbers.code("acc", ""),
        keep=numbers.stored("code"),
    )
    return Function(writer.function(layer, body))
