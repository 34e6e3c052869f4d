"""A network whose unsigned bytes are signed ones, less 128: what clients need that know zero point 0 alone.

The 128 goes into the biases of the convolutions that read or make such a tensor. Saturation at 0 becomes
saturation at -128, and every code is the one before less 128. A sum of bytes needs that of its operands: one
of fewer bits that a convolution or a constant factor makes becomes a signed one too, less the half of its
range. A constant factor has no bias, so it is said as a convolution.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwrts.export.restated import RESTATED
from hwrts.fixed_point import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Layer,
    Lookup,
    Maximum,
    MaxPool,
    Network,
    Padding,
    Reorder,
    Repeat,
    Requantised,
    Rounding,
    Scale,
    Slice,
    SpaceToDepth,
)

_MIDDLE = 128
"""Of unsigned bytes; even, so that ties stay ties between the same codes."""

_MOVES = (Clip, DepthToSpace, MaxPool, Maximum, Reorder, Repeat, Slice, SpaceToDepth)
"""What gives codes of its source, so that they are less the same."""


def around_zero(network: Network) -> tuple[Network, dict[str, int]]:
    """The network with signed formats, and by tensor what its codes are less.

    Of a tensor that is not there nothing is subtracted. Outside the picture, where a convolution sees zeros,
    it must see that code, which is for the file to say.

    Raises:
        HwrtsError: A layer whose 128 cannot go into a bias.
    """
    less = {each.name: _MIDDLE for each in network.inputs if _is_byte(each.out)}
    halves = _halves(network)
    inputs = tuple(replace(each, out=_signed(each.out)) for each in network.inputs)
    layers: list[Layer] = []
    for layer in network.layers:
        if _is_byte(network.formats[layer.name]) or layer.name in halves:
            less[layer.name] = _half(network.formats[layer.name])
        elif isinstance(layer, _MOVES) and layer.source in less:
            less[layer.name] = less[layer.source]
        if less.keys() & {layer.name, *layer.sources}:
            layer = _moved(network, layer, less)
        layers.append(layer)
    if less and {Rounding.HALF_AWAY, Rounding.DOUBLE} & set(network.rules):
        raise HwrtsError(
            f"rounding {network.rules}: depends on the sign, so codes less {_MIDDLE} are others; "
            "quantize with --rounding half_even"
        )
    return replace(network, inputs=inputs, layers=tuple(layers), like=None), less


def _is_byte(out: Format) -> bool:
    return not out.signed and out.bits == 8


def _half(out: Format) -> int:
    """Of an unsigned format: codes less this are all those of a signed one of as many bits."""
    return 1 << (out.bits - 1)


def _halves(network: Network) -> set[str]:
    """Operands of fewer than 8 bits with which a sum is less 128, where its others do not make it so."""
    layers = {layer.name: layer for layer in network.layers}
    found = set[str]()
    for layer in network.layers:
        if not isinstance(layer, Add) or not _is_byte(network.formats[layer.name]):
            continue
        for source, other in (layer.sources, layer.sources[::-1]):
            form, beside = network.formats[source], network.formats[other]
            first = source == layer.sources[0] or not layer.negated
            narrow = not form.signed and form.bits < 8 and not _is_byte(beside)
            maker = layers.get(source)
            while isinstance(maker, _MOVES):
                maker = layers.get(maker.source)
            alike = form.bits - form.frac == layer.out.bits - layer.out.frac  # both ranges have one middle
            if first and narrow and alike and isinstance(maker, Conv | Scale):
                found.add(maker.name)
                break
    return found


def _signed(out: Format, less: int = 0) -> Format:
    return Format(True, out.bits, out.frac) if _is_byte(out) or less else out


def _moved(network: Network, layer: Layer, less: dict[str, int]) -> Layer:
    made = less.get(layer.name, 0)
    match layer:
        case Conv():
            source = network.formats[layer.source]
            shift = np.asarray(layer.acc_frac(source) - layer.out.frac, np.int64)
            if made and shift.min() < 0:
                raise _refused(layer)
            sums = layer.weight_i8.astype(np.int64).sum(axis=(1, 2, 3))
            bias = layer.bias_i32 + less.get(layer.source, 0) * sums - (made << np.maximum(shift, 0))
            if np.abs(bias).max() >= 1 << 31:
                raise _refused(layer)
            return replace(layer, bias_i32=bias.astype(np.int32), out=_signed(layer.out, made))
        case Scale():
            (conv,) = RESTATED[Scale](network, layer)
            return _moved(network, conv, less)
        case Add():
            first, second = (
                Fraction(less.get(source, 0)) / Fraction(2) ** network.formats[source].frac
                for source in layer.sources
            )
            added = first - second if layer.negated else first + second
            if added != Fraction(made) / Fraction(2) ** layer.out.frac:
                raise _refused(layer)
            return replace(layer, out=_signed(layer.out))
        case Lookup():  # the smallest code has the first entry, before and after
            entries = layer.table_i16.astype(np.int16) - np.int16(made)
            return replace(layer, table_i16=entries, out=_signed(layer.out))
        case Clip():
            moved = less.get(layer.source, 0)
            return replace(layer, low=layer.low - moved, high=layer.high - moved)
        case Concat():
            raise _refused(layer)
        case _ if isinstance(layer, Requantised):
            raise _refused(layer)
        case _:
            return layer  # a move


def _refused(layer: Layer) -> HwrtsError:
    return HwrtsError(
        f"layer {layer.name!r}: {type(layer).__name__} of unsigned codes of 8 bits has no form with "
        "zero point 0; quantize with --activation-bits 7"
    )


def edges(network: Network, less: dict[str, int]) -> tuple[str, ...]:
    """Names of the tensors around which a convolution sees zeros that the file must say as codes."""
    return tuple(
        dict.fromkeys(
            conv.source
            for conv in network.convs
            if conv.source in less and conv.padding is Padding.ZERO and any(conv.shape.margins)
        )
    )
