"""Interpolation by fixed taps in C."""

from hwrts.export.c.function import Function, Writer
from hwrts.export.templates import filled
from hwrts.fixed_point import Padding, Upsample, upsample_taps

BODY = """\
    for (int32_t row = 0; row < {{ factor }}; ++row) {
        const int16_t *const down = {{ name }}_taps + row * {{ taps }};
        for (int32_t i = 0; i < width; ++i) {
            for (int32_t c = 0; c < {{ channels }}; ++c) {
                {{ kind }} sums[{{ taps }}];
                for (int32_t u = 0; u < {{ taps }}; ++u) {
                    int32_t column = i + u - {{ margin }};
                    column = column < 0 ? 0 : column < width ? column : width - 1;
                    sums[u] = 0;
                    for (int32_t v = 0; v < {{ taps }}; ++v) {
                        sums[u] += down[v] * {{ x }};
                    }
                }
                for (int32_t column = 0; column < {{ factor }}; ++column) {
                    {{ kind }} acc = 0;
                    for (int32_t u = 0; u < {{ taps }}; ++u) {
                        acc += sums[u] * {{ name }}_taps[column * {{ taps }} + u];
                    }
                    const {{ kind }} code = {{ code }};
                    y[row][(i * {{ factor }} + column) * {{ channels }} + c] = {{ keep }};
                }
            }
        }
    }
"""


def write(writer: Writer, layer: Upsample) -> Function:
    """Sums of rows, then of columns, edges replicated (eq. 17)."""
    taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
    numbers, size, channels = writer.requantiser(layer), taps.shape[1], writer.network.channels[layer.name]
    margin = size // 2
    body = filled(
        BODY,
        factor=layer.factor,
        taps=size,
        margin=margin,
        channels=channels,
        name=writer.names[layer.name],
        kind=numbers.kind,
        x=writer.stored(layer.source).code(f"x0[v][column * {channels} + c]"),
        code=numbers.code("acc", ""),
        keep=numbers.stored("code"),
    )
    text = writer.function(layer, body, [("int16_t", "taps", taps.ravel().tolist())])
    return Function(text, tuple(row - margin for row in range(size)), Padding.REPLICATE)
