"""A network whose unsigned bytes are signed ones, less 128: what clients need that know zero point 0 alone.

The 128 goes into the biases of the convolutions that read or make such a tensor. Saturation at 0 becomes
saturation at -128, and every code is the one before less 128. A sum of bytes needs that of its operands: one
of fewer bits that a convolution or a constant factor makes becomes a signed one too, less the half of its
range. A constant factor has no bias, so it is said as a convolution.
"""

from dataclasses import replace

from hwrts.export.forms import is_byte, signed
from hwrts.export.operators import NODES
from hwrts.fixed_point import Format, HwrtsError, Layer, Network, Padding, Rounding

_MIDDLE = 128
"""Of unsigned bytes; even, so that ties stay ties between the same codes."""


def around_zero(network: Network) -> tuple[Network, dict[str, int]]:
    """The network with signed formats, and by tensor what its codes are less.

    Of a tensor that is not there nothing is subtracted. Outside the picture, where a convolution sees zeros,
    it must see that code, which is for the file to say.

    Raises:
        HwrtsError: A layer whose 128 cannot go into a bias.
    """
    less = {each.name: _MIDDLE for each in network.inputs if is_byte(each.out)}
    halves = _halves(network)
    inputs = tuple(replace(each, out=signed(each.out)) for each in network.inputs)
    layers: list[Layer] = []
    for layer in network.layers:
        if is_byte(network.formats[layer.name]) or layer.name in halves:
            less[layer.name] = _half(network.formats[layer.name])
        elif layer.format_of in less:  # it gives codes of its source
            less[layer.name] = less[layer.format_of]
        if less.keys() & {layer.name, *layer.sources}:
            layer = NODES[type(layer)].FORMS.around_zero(network, layer, less)
        layers.append(layer)
    if less and {Rounding.HALF_AWAY, Rounding.DOUBLE} & set(network.rules):
        raise HwrtsError(
            f"rounding {network.rules}: depends on the sign, so codes less {_MIDDLE} are others; "
            "quantize with --rounding half_even"
        )
    return replace(network, inputs=inputs, layers=tuple(layers), like=None), less


def _half(out: Format) -> int:
    """Of an unsigned format: codes less this are all those of a signed one of as many bits."""
    return 1 << (out.bits - 1)


def _halves(network: Network) -> set[str]:
    """Operands of fewer than 8 bits with which a sum is less 128, where its others do not make it so."""
    layers = {layer.name: layer for layer in network.layers}
    found = set[str]()
    for layer in network.layers:
        for source in NODES[type(layer)].FORMS.halved(network, layer):
            maker = layers.get(source)
            while maker is not None and maker.format_of:
                maker = layers.get(maker.format_of)
            if maker is not None and NODES[type(maker)].FORMS.half:
                found.add(maker.name)
                break
    return found


def edges(network: Network, less: dict[str, int]) -> tuple[str, ...]:
    """Names of the tensors around which a convolution sees zeros that the file must say as codes."""
    return tuple(
        dict.fromkeys(
            conv.source
            for conv in network.convs
            if conv.source in less and conv.padding is Padding.ZERO and any(conv.shape.margins)
        )
    )
