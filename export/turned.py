"""Which tensors can stand in the order of DepthToSpace's mode DCR, so that nothing is reordered in a file."""

import numpy as np

from hwrts.export.depth_first import Order
from hwrts.export.forms import Forms
from hwrts.export.operators import NODES
from hwrts.fixed_point import Layer, Network


def turned(network: Network) -> dict[str, Order]:
    """Orders of the tensors that nobody else sees, by name.

    Such a tensor is made by a convolution, whose filters can stand in any order, or of such tensors alone
    code by code; and whoever reads it is a DepthToSpace, or makes such a tensor again.
    """
    orders: dict[str, Order] = {}
    readers: dict[str, list[Layer]] = {name: [] for name in network.tensors}
    for layer in network.layers:
        wanted = _forms(layer).wanted(network, layer)
        for source in layer.sources:
            readers[source].append(layer)
            if wanted is not None:
                orders[source] = wanted
    for layer in reversed(network.layers):  # back from each to what it is made of
        if layer.name in orders and _forms(layer).turns:
            orders |= dict.fromkeys(layer.sources, orders[layer.name])
    while wrong := [name for name in orders if not _free(network, name, orders, readers[name])]:
        for name in wrong:
            del orders[name]
    return orders


def _free(network: Network, name: str, orders: dict[str, Order], readers: list[Layer]) -> bool:
    """Whether a tensor can have the order that it got."""
    order = orders[name]
    if name in network.outputs or any(name == each.name for each in network.inputs):
        return False
    if network.channels[name] != len(order):
        return False
    for reader in readers:
        wanted = _forms(reader).wanted(network, reader)
        if wanted is None and _forms(reader).turns:
            wanted = orders.get(reader.name)
        if wanted is None or not np.array_equal(wanted, order):
            return False
    layer = network.layer(name)
    if _forms(layer).turns:
        return all(source in orders for source in layer.sources)
    return _forms(layer).made_turned(layer)


def _forms(layer: Layer) -> Forms:
    return NODES[type(layer)].FORMS
