"""What is one of a whole picture, or of each row, in Verilog: hwrts_reduce."""

from hwrts.export.rtl.design import ROUNDING_CODES, Module, Place
from hwrts.fixed_point import Along, GlobalAverage, HwrtsError, Maximum, Over


def mean(layer: GlobalAverage, place: Place) -> Module:
    """Exact sums, divided a bit a clock and rounded once (eq. 36).

    Raises:
        HwrtsError: Along columns.
    """
    if layer.along is Along.COLUMNS:
        raise _columns(layer.name, "mean")
    (source,) = place.sources
    finer = layer.out.frac - source.out.frac
    numbers = {"UP": max(finer, 0), "DOWN": max(-finer, 0), "ROUNDING": ROUNDING_CODES[place.rounding]}
    return _module(place, {"MEAN": 1, **numbers}, rows=layer.along is Along.ROWS)


def largest(layer: Maximum, place: Place) -> Module:
    """A comparison for each channel (eq. 37).

    Raises:
        HwrtsError: Over columns.
    """
    if layer.over is Over.COLUMNS:
        raise _columns(layer.name, "maximum")
    return _module(place, {"MEAN": 0}, rows=layer.over is Over.ROWS)


def _module(place: Place, numbers: dict[str, int], *, rows: bool) -> Module:
    (source,), made = place.sources, place.made
    height, width = source.size(place.settings.tallest, place.settings.widest)
    return Module(
        "hwrts_reduce",
        {
            "CHANNELS": source.channels,
            "ROWS": int(rows),
            "IN_BITS": source.out.bits,
            "IN_SIGNED": int(source.out.signed),
            "COUNT": max(1, (width if rows else height * width).bit_length()),
            "OUT_BITS": made.out.bits,
            "OUT_SIGNED": int(made.out.signed),
            **numbers,
        },
        window_rows=0,
    )


def _columns(name: str, what: str) -> HwrtsError:
    return HwrtsError(
        f"rtl: layer {name!r}: a {what} along columns has no Verilog, for it would keep a sum for every "
        "column until the last row; take it along rows, or over the picture"
    )
