"""A sum as a convolution, for clients whose own additions round by another rule than convolutions."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.depthwise import ONE_BITS, one_tap
from hwrts.export.forms import is_byte
from hwrts.fixed_point import Add, Concat, Conv, Format, Layer, Network

# Letters of the shape comments: C channels of the sum; N channels of an operand.

_BITS = 8
"""Width of the operands where they stand side by side: bytes, as every client joins them."""


def sum_convolved(network: Network, layer: Add) -> list[Layer]:
    """Operands side by side, and a convolution of weights that are their alignments (eq. 6), its bias 0.

    To stand in one tensor they become codes of one format without one being changed: those without a sign
    are 128 less, which the bias gives back, and a grid is named anew, which the weight gives back. A sum that
    drops no bit stays: it has no rounding. So do operands of one pixel, whose sides are not the other's, and
    those whose grids are more than six bits apart.

    Args:
        network: The integer network.
        layer: Its addition or subtraction. As a convolution it has the rule of convolutions.
    """
    drops_bits = layer.acc_frac(*network.formats_of(layer.sources)) > layer.out.frac
    return _convolved(network, layer) if drops_bits else [layer]


def byte_sum_convolved(network: Network, layer: Add) -> list[Layer]:
    """The same of a sum that makes bytes of signed operands, for clients that know zero point 0 alone.

    A sum has no bias that could hold the 128 of its bytes, a convolution has. One that drops bits stays where
    convolutions round by another rule.
    """
    forms = network.formats_of(layer.sources)
    keeps = layer.acc_frac(*forms) <= layer.out.frac or len(set(network.rules)) == 1
    of_signed = is_byte(layer.out) and all(form.signed for form in forms)
    return _convolved(network, layer) if of_signed and keeps else [layer]


def _convolved(network: Network, layer: Add) -> list[Layer]:
    """Itself where operands cannot stand side by side."""
    forms = network.formats_of(layer.sources)
    finest = max(layer.acc_frac(*forms), layer.out.frac)
    apart = finest - min(form.frac for form in forms)
    sides = {network.tensors[source].scale for source in layer.sources}
    if apart > ONE_BITS or len(sides) > 1:
        return [layer]
    channels, side = network.channels[layer.name], Format(True, _BITS, finest)
    made, weights, bias = dict[str, Conv](), list[NDArray[np.int64]](), 0
    for number, (source, form) in enumerate(zip(layer.sources, forms, strict=True)):
        weight = (-1 if layer.negated and number else 1) << (finest - form.frac)
        shape = (channels, network.channels[source])
        weights.append(
            weight * (np.eye(*shape, dtype=np.int64) if shape[1] > 1 else np.ones(shape, np.int64))
        )
        less = 0 if form.signed else 1 << (_BITS - 1)
        bias += weight * less
        if (less, form.frac) != (0, finest):
            # the source's codes less a number, as codes of another grid: the weight is one of them, and exact
            made[source] = one_tap(
                shape[1], source, f"{layer.name}.{source}", 1, finest - form.frac, side, -less
            )
    names = tuple(made[source].name if source in made else source for source in layer.sources)
    both = Concat(f"{layer.name}.both", names, side)
    zeros = np.zeros(channels, np.int32)
    weight_i8 = np.concatenate(weights, axis=1).astype(np.int8)[:, :, None, None]  # (C, N + N, 1, 1)
    idle = int(weight_i8.size - np.count_nonzero(weight_i8))
    total = Conv(layer.name, both.name, weight_i8, zeros, zeros + bias, layer.out, idle=idle)
    return [*made.values(), both, total]
