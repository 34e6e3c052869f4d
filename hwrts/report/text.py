"""Numbers as a table shows them: fixed decimals, a true minus sign, thousands set apart."""

import math

NONE = "\u2013"
"""What a cell shows when there is no number: an en dash."""

MINUS = "\u2212"
INFINITY = "\u221e"


def fixed(value: float | None, decimals: int, *, sign: bool = False) -> str:
    """A number with a fixed count of decimals, so that a right-aligned column lines up.

    Args:
        value: None and NaN become a dash.
        decimals: Digits after the point.
        sign: Write a plus too (for changes).

    >>> fixed(-0.456, 2) == "\u22120.46", fixed(1.5, 2, sign=True), fixed(-0.001, 2)
    (True, '+1.50', '0.00')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    text = f"{value:+,.{decimals}f}" if sign else f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")  # a change that rounds to nothing has no direction
    return text.replace("-", MINUS)


def whole(value: int | None) -> str:
    """An integer with its thousands set apart.

    >>> whole(54000000)
    '54,000,000'
    """
    return NONE if value is None else f"{value:,}".replace("-", MINUS)


def compact(value: int) -> str:
    """An integer with three digits, for a cell of a wide table; below 10,000 it is exact.

    >>> [compact(n) for n in (0, 7, 9999, 41003, 573744, 999999, 36663207, 5210000000)]
    ['0', '7', '9,999', '41.0k', '574k', '1.00M', '36.7M', '5.21G']
    """
    if value < 10_000:
        return f"{value:,}"
    unit, size = next(((u, s) for u, s in (("k", 1e3), ("M", 1e6)) if value / s < 999.5), ("G", 1e9))
    scaled = value / size
    decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:,.{decimals}f}{unit}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "stage"), plural(2, "stage"), plural(2, "witness")
    ('1 stage', '2 stages', '2 witnesses')
    """
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"
