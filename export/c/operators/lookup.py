"""A table of codes in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Lookup

BODY = """\
    for (int32_t i = 0; i < width * {{ channels }}; ++i) {
        y[0][i] = {{ name }}_table[{{ x }} - {{ first }}];
    }
"""


def write(writer: Writer, layer: Lookup) -> Function:
    """Entries as they are stored (eq. 26)."""
    source, out = writer.stored(layer.source), writer.stored(layer.name)
    body = filled(
        BODY,
        channels=writer.network.channels[layer.name],
        name=writer.names[layer.name],
        x="(int32_t)x0[0][i]",
        first=f"({source.form.min + source.zero})",
    )
    entries = (layer.table_i16.astype(int) + out.zero).tolist()
    return Function(writer.function(layer, body, [(out.kind, "table", entries)]))
