"""Concatenation of channels in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Concat

BODY = """\
    for (int32_t i = 0; i < width; ++i) {
{% for part in parts %}
        for (int32_t c = 0; c < {{ part.channels }}; ++c) {
            const {{ kind }} acc = {{ part.acc }};
            const {{ kind }} code = {{ code }};
            y[0][i * {{ channels }} + {{ part.first }} + c] = {{ keep }};
        }
{% endfor %}
    }
"""


def write(writer: Writer, layer: Concat) -> Function:
    """Each operand on the finest grid, into its own channels (eq. 23)."""
    network, numbers = writer.network, writer.requantiser(layer)
    finest = layer.acc_frac(*network.formats_of(layer.sources))
    parts, first = [], 0
    for place, source in enumerate(layer.sources):
        channels = network.channels[source]
        code = writer.stored(source).code(f"x{place}[0][i * {channels} + c]")
        factor = 1 << (finest - network.formats[source].frac)
        wide = "" if numbers.kind == "int32_t" else f"({numbers.kind})"
        parts.append({"channels": channels, "first": first, "acc": f"{wide}{code} * {factor}"})
        first += channels
    body = filled(
        BODY,
        parts=parts,
        channels=network.channels[layer.name],
        kind=numbers.kind,
        code=numbers.code("acc", ""),
        keep=numbers.stored("code"),
    )
    return Function(writer.function(layer, body))
