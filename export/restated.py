"""Layers said by others that make the same codes: what clients compute exactly, where they do not these.

A network before it is written, so that every writer, proof and comparison knows nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hwrts.export.depthwise import ONE_BITS, depthwise, one_tap
from hwrts.export.restated_add import byte_sum_convolved, sum_convolved
from hwrts.fixed_point import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    Layer,
    Network,
    Padding,
    PRelu,
    Reorder,
    Scale,
    SpaceToDepth,
    Upsample,
    upsample_taps,
    weight_limit,
)

# Letters of the shape comments: C channels; F factor; K taps; R block size.

Saying = Callable[[Network, Any], list[Layer]]
"""What a layer of one kind becomes."""

_TAPS = 3
"""Sides of kernels that Qualcomm's emulator has depthwise with a stride."""
_BRANCH_BITS = 8
"""Width of the branches of a leaky ReLU: not that of narrower results, which the sum saturates at once."""


def restated(
    network: Network, kinds: Sequence[type[Layer]], *, relu: bool = False
) -> tuple[Network, tuple[str, ...]]:
    """A network that makes the same codes by other layers, and which were replaced.

    A leaky ReLU is the sum of two convolutions of which one gives 0; operands of a concatenation on another
    grid pass a convolution of weight 1, and a constant factor is one of that weight; interpolation is one
    convolution for each place in a square, and pixels that become channels one for each channel; a sum that
    drops bits is one of both operands. Convolutions round by their own rule, which operands of a
    concatenation and sums do only where a network has one rule.

    Args:
        network: The integer network.
        kinds: The operators that shall not stand in it, of :data:`RESTATED`. Those that no other can say
            stay: interpolation whose products of taps do not fit 8 bits.
        relu: Whether a limit at 0 is one of them, which clients know as a ReLU.

    Returns:
        The network, and what was replaced in a sentence each.
    """
    by = RESTATED if relu else {**RESTATED, Clip: _clip_beside_relu}
    return said_by(network, {kind: by[kind] for kind in kinds})


def without_byte_sums(network: Network) -> tuple[Network, tuple[str, ...]]:
    """The same of sums that make bytes of signed operands, which have no form around zero."""
    return said_by(network, {Add: byte_sum_convolved})


def said_by(network: Network, by: Mapping[type[Layer], Saying]) -> tuple[Network, tuple[str, ...]]:
    """A network that makes the same codes, and which layers were replaced, in a sentence each.

    Args:
        network: The integer network.
        by: Kinds that are looked for, in that order, and what each layer of one becomes: itself alone stays.
    """
    said: dict[str, str] = {}
    own = {layer.name for layer in network.layers}
    for kind, saying in by.items():
        layers: list[Layer] = []
        for layer in network.layers:
            made = saying(network, layer) if isinstance(layer, kind) else [layer]
            layers += made
            if made != [layer] and layer.name in own:
                said.setdefault(layer.name, f"{kind.__name__} as {', '.join(map(described, made))}")
        network = replace(network, layers=tuple(layers), like=network)
    return network, tuple(f"{name}: {sentence}" for name, sentence in said.items())


def described(layer: Layer) -> str:
    """What it is, with the sides of its kernel."""
    return type(layer).__name__ + (f" {layer.shape.rows}x{layer.shape.columns}" if layer.shape else "")


def _prelu(network: Network, layer: PRelu) -> list[Layer]:
    """Codes from zero on, and those below times their slopes: the sum of both, one of which is 0 (eq. 16)."""
    source, name, (form,) = layer.source, layer.name, network.formats_of(layer.sources)
    one = min(layer.slope_frac, ONE_BITS)
    if not form.signed:
        return [_regridded(network, source, name, layer.out, one)]
    width = max(_BRANCH_BITS, layer.out.bits)
    positive = Clip(f"{name}.positive", source, 0, form.max)
    kept: list[Layer] = []
    if form.frac != layer.out.frac:
        kept = [_regridded(network, source, f"{name}.kept", Format(False, width, layer.out.frac), one)]
    zeros = np.zeros_like(layer.slope_i8, np.int32)
    leak = Conv(
        f"{name}.leak",
        f"{name}.negative",
        layer.slope_i8.reshape(-1, 1, 1, 1),
        zeros + layer.slope_frac,
        zeros,
        replace(layer.out, bits=width),
        groups=len(zeros),
    )
    negative = Add(leak.source, (source, positive.name), form, negated=True)
    total = Add(name, ((kept or [positive])[0].name, leak.name), layer.out)
    return [positive, *kept, negative, leak, total]


def _concat(network: Network, layer: Concat) -> list[Layer]:
    """Every operand on the grid of the result, so that none is rounded where they are joined (eq. 23)."""
    finest = max(each.frac for each in network.formats_of(layer.sources))
    moved: dict[str, Conv] = {}
    for source in layer.sources:
        form = network.formats[source]
        if (form.signed, form.frac) != (layer.out.signed, layer.out.frac):
            one = min(finest - form.frac, ONE_BITS)
            moved[source] = _regridded(network, source, f"{layer.name}.{source}", layer.out, one)
    names = (moved[source].name if source in moved else source for source in layer.sources)
    return [*moved.values(), replace(layer, sources=tuple(names))] if moved else [layer]


def _upsample(network: Network, layer: Upsample) -> list[Layer]:
    """A kernel for each new pixel of a square, whose channels become pixels (eq. 17)."""
    taps, frac = upsample_taps(layer.kind, layer.factor)  # (F, K)
    kernels = (taps[:, None, :, None] * taps[:, None]).reshape(-1, 1, *[taps.shape[1]] * 2)  # (F*F, 1, K, K)
    source, parts = layer.source, list[Layer]()
    if np.abs(kernels).max() > 2 * weight_limit(8):
        return [layer]
    if np.abs(kernels).max() > weight_limit(8):  # in halves, each on a copy of the channel
        kernels = np.concatenate([kernels // 2, kernels - kernels // 2], axis=1)  # (F*F, 2, K, K)
        copies = np.repeat(np.arange(network.channels[source], dtype=np.int32), 2)
        parts.append(Reorder(f"{layer.name}.twice", source, copies))
        source = parts[0].name
    phases = depthwise(
        network.channels[layer.source], source, f"{layer.name}.phases", kernels, 2 * frac, layer.out
    )
    phases = replace(phases, padding=Padding.REPLICATE)
    return [*parts, phases, DepthToSpace(layer.name, phases.name, layer.factor)]


def _space_to_depth(network: Network, layer: SpaceToDepth) -> list[Layer]:
    """A kernel for each place in a square, 1 there and 0 elsewhere (eq. 31)."""
    block = layer.block
    kernels = np.eye(block**2, dtype=np.int64).reshape(-1, 1, block, block)  # (R*R, 1, R, R)
    out = network.formats[layer.source]
    conv = depthwise(network.channels[layer.source], layer.source, layer.name, kernels, 0, out)
    return [replace(conv, stride=block, pads=(0, 0, 0, 0))]


def _scale(network: Network, layer: Scale) -> list[Layer]:
    """The same factor on every channel (eq. 15)."""
    channels = network.channels[layer.source]
    return [one_tap(channels, layer.source, layer.name, layer.multiplier, layer.frac, layer.out)]


def _conv(network: Network, layer: Conv) -> list[Layer]:
    """A depthwise one of one tap, or with a stride and a side below three, has more taps of weight 0."""
    shape, groups = layer.shape, layer.groups
    if layer.weight_i8.shape[1] > 1 or groups != len(layer.weight_i8) or groups == 1:
        return [layer]
    least = _TAPS if shape.stride > 1 else 1
    rows, columns = max(shape.rows, least), max(shape.columns, least)
    if (rows, columns) == (1, 1):
        columns = _TAPS
    if (rows, columns) == (shape.rows, shape.columns):
        return [layer]
    weight = np.zeros((groups, 1, rows, columns), np.int8)
    weight[:, :, : shape.rows, : shape.columns] = layer.weight_i8
    dilation = 1 if shape.rows == shape.columns == 1 else shape.dilation
    down, across = (rows - shape.rows) * dilation, (columns - shape.columns) * dilation
    top, left, bottom, right = shape.margins
    idle = layer.idle + weight.size - layer.weight_i8.size
    pads = (top, left, bottom + down, right + across)
    return [replace(layer, weight_i8=weight, pads=pads, dilation=dilation, idle=idle)]


def _clip(network: Network, layer: Clip) -> list[Layer]:
    """A limit at one end alone: the source less what is above it, or with what is missing below it."""
    source, name, (form,) = layer.source, layer.name, network.formats_of(layer.sources)
    low, high = layer.low > form.min, layer.high < form.max
    if low == high:  # both, or none
        return [layer]
    sign, limit = (-1, layer.low) if low else (1, layer.high)
    out = Format(False, max(form.bits, _BRANCH_BITS), form.frac)
    beyond = one_tap(network.channels[source], source, f"{name}.beyond", sign, 0, out, -sign * limit)
    return [beyond, Add(name, (source, beyond.name), form, negated=high)]


def _clip_beside_relu(network: Network, layer: Clip) -> list[Layer]:
    """The same where clients know a limit at 0 alone as a ReLU."""
    is_relu = layer.low == 0 and layer.high >= network.formats[layer.source].max
    return [layer] if is_relu else _clip(network, layer)


def _regridded(network: Network, source: str, name: str, out: Format, one: int) -> Conv:
    """Codes of another format, rounded once; ``one`` is how many fraction bits the weight 1 has."""
    return one_tap(network.channels[source], source, name, 1 << one, one, out)


RESTATED: dict[type[Layer], Saying] = {
    PRelu: _prelu,
    Concat: _concat,
    Upsample: _upsample,
    SpaceToDepth: _space_to_depth,
    Clip: _clip,
    Scale: _scale,
    Conv: _conv,
    Add: sum_convolved,
}
"""Layers that make the same codes as one of a kind; the last of them has its name."""
