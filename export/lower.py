"""From the trained fake-quantised module to integers. The only place of this package that needs torch."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hwrts.fixed_point import Add, Conv, DepthToSpace, HwrtsError, Input, Layer, Network, Repeat
from hwrts.graph import Add as AddNode
from hwrts.graph import Conv as ConvNode
from hwrts.graph import DepthToSpace as DepthToSpaceNode
from hwrts.graph import Node
from hwrts.qat import QuantNetwork


def lower(quantised: QuantNetwork) -> Network:
    """The integers, shifts and formats that a fake-quantised network computes with.

    Weights and scales are read from Brevitas' own quantisers, biases are rounded half to even onto the
    accumulator's grid as Brevitas does (eq. 3). Nothing is quantised a second time.

    Raises:
        HwrtsError: A scale that is not a power of two, a value that is not finite, or an illegal network.
    """
    graph, formats = quantised.graph, quantised.formats
    first = graph.input
    inputs = (Input(first.name, first.channels, formats[first.name]),)
    return Network(inputs, tuple(_lower_node(quantised, node) for node in graph.nodes[1:]))


def _lower_node(quantised: QuantNetwork, node: Node) -> Layer:
    if isinstance(node, ConvNode):
        return _lower_conv(quantised, node)
    if isinstance(node, AddNode):
        return Add(node.name, node.sources, quantised.formats[node.name])
    if isinstance(node, DepthToSpaceNode):
        return DepthToSpace(node.name, node.sources[0], node.block)
    return Repeat(node.name, node.sources[0], node.factor)  # type: ignore[union-attr]


@torch.no_grad()
def _lower_conv(quantised: QuantNetwork, node: ConvNode) -> Conv:
    conv: Any = quantised.convs[node.name]
    for kind, values in (("weight", conv.weight), ("bias", conv.bias)):
        if not bool(torch.isfinite(values).all()):
            raise HwrtsError(f"layer {node.name!r}: a {kind} is not finite; the training diverged, lower its learning rate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # named tensors, from inside Brevitas
        weight = conv.quant_weight()
    weight_frac = -_log2(weight.scale.reshape(-1).expand(conv.out_channels), node.name)  # (O,)
    codes = weight.int(float_datatype=True).cpu().numpy()  # (O, I, K, K)
    source = quantised.graph.node(node.sources[0])
    while source.name not in quantised.formats:  # operators that only move codes keep their source's format
        source = quantised.graph.node(source.sources[0])
    acc_frac = quantised.formats[source.name].frac + weight_frac
    bias = np.rint(conv.bias.detach().cpu().double().numpy() * np.ldexp(1.0, acc_frac))
    limit = np.iinfo(np.int32).max
    if np.abs(bias).max() > limit:
        raise HwrtsError(f"layer {node.name!r}: a bias code of {np.abs(bias).max():.0f} leaves int32; the training diverged")
    return Conv(
        name=node.name,
        source=node.sources[0],
        weight_i8=codes.astype(np.int8),
        weight_frac=weight_frac.astype(np.int32),
        bias_i32=bias.astype(np.int32),
        out=quantised.formats[node.name],
        weight_bits=quantised.weight_bits,
    )


def _log2(scale: torch.Tensor, where: str) -> NDArray[np.int64]:
    values = scale.detach().cpu().double().numpy()
    mantissa, exponent = np.frexp(values)
    if not (mantissa == 0.5).all():
        raise HwrtsError(f"layer {where!r}: a weight scale is not a power of two: {values[mantissa != 0.5][0]!r}")
    return exponent.astype(np.int64) - 1
