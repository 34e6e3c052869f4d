"""Sums of grids far from each other, of which Qualcomm's emulator leaves bits out, as sums of near ones."""

from dataclasses import replace

from hwrts.export.depthwise import ONE_BITS, one_tap
from hwrts.export.restated import said_by
from hwrts.fixed_point import Add, Conv, Format, Layer, Network

_FAR, _FINER = 6, 5
"""Bits between the grids of two operands, and from the coarser one to a finer sum, from both of which on
Qualcomm's emulator leaves bits of the finer operand out; below either it computes every code."""
_REACH = 3
"""Bits that the coarser operand is left coarser than the sum and the other operand: 8 times as far as either
reaches, so that no code of the other brings the sum back from where it has saturated."""
_BITS = 8
"""Width of the operands on their way: that of the file's bytes."""


def is_far(first: Format, second: Format, out: Format) -> bool:
    """Whether the emulator leaves bits of the finer operand of a sum out.

    >>> is_far(Format(True, 8, 2), Format(False, 8, 8), Format(True, 8, 7))
    True
    """
    coarser, finer = sorted((first.frac, second.frac))
    return finer - coarser >= _FAR and out.frac - coarser >= _FINER


def near_sums(network: Network) -> tuple[Network, tuple[str, ...]]:
    """A network that makes the same codes without such sums, and which were replaced, a sentence each.

    The finer operand may be rounded alone, which is the same under rules whose ties see no sign.

    Args:
        network: The integer network, of formats of 8 bits at most.
    """
    return said_by(network, {Add: _near})


def _pair(network: Network, layer: Add) -> tuple[Format, Format]:
    first, second = network.formats_of(layer.sources)
    return first, second


def _near(network: Network, layer: Add) -> list[Layer]:
    """Operands on grids near that of the sum; one that is computed stays.

    The coarser operand is whole and even there, so the finer one can be rounded before they are added. It may
    saturate on the way: a few bits coarser than both it reaches so far that the sum saturates as well.
    """
    forms = _pair(network, layer)
    if not is_far(*forms, layer.out):
        return [layer]
    coarse = int(forms[1].frac < forms[0].frac)
    fine, grid, signs = 1 - coarse, layer.out.frac, (1, -1 if layer.negated else 1)

    def moved(which: int, frac: int) -> Conv:
        source, name = layer.sources[which], f"{layer.name}.{('first', 'second')[which]}"
        out = Format(forms[which].signed or signs[which] < 0, _BITS, frac)
        return one_tap(network.channels[source], source, name, signs[which] << ONE_BITS, ONE_BITS, out)

    parts: list[Layer] = [moved(coarse, min(forms[fine].frac, grid) - _REACH)]
    rounds = forms[fine].frac > grid
    if rounds:
        parts.append(moved(fine, grid))
    other = parts[1].name if rounds else layer.sources[fine]
    negated = not rounds and signs[fine] < 0
    return [*parts, replace(layer, sources=(parts[0].name, other), negated=negated)]
