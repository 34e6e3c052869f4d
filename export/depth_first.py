"""Channels in the order of DepthToSpace's other mode, DCR, which some clients and formats have alone."""

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Add, Clip, Conv, DepthToSpace, Layer, Network

# Letters of the shape comments: C channels of the result; R block size.

Order = NDArray[np.int64]


def depth_first(channels: int, block: int) -> Order:
    """Which channel c*R*R + i*R + j of eq. 7 stands at each place (i*R + j)*C + c of mode DCR, (R*R*C,).

    >>> depth_first(2, 2).tolist()
    [0, 4, 1, 5, 2, 6, 3, 7]
    """
    return np.arange(channels * block**2).reshape(channels, -1).T.ravel()


def turned(network: Network) -> dict[str, Order]:
    """Orders of the tensors that nobody else sees, by name.

    Such a tensor is made by a convolution, whose filters can stand in any order, or of such tensors alone
    code by code; and whoever reads it is a DepthToSpace, or makes such a tensor again.
    """
    orders = {
        layer.source: depth_first(network.channels[layer.name], layer.block)
        for layer in network.layers
        if isinstance(layer, DepthToSpace)
    }
    readers: dict[str, list[Layer]] = {name: [] for name in network.tensors}
    for layer in network.layers:
        for source in layer.sources:
            readers[source].append(layer)
    for layer in reversed(network.layers):  # back from each to what it is made of
        if layer.name in orders and isinstance(layer, Add | Clip):
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
        if isinstance(reader, DepthToSpace):
            right = np.array_equal(depth_first(network.channels[reader.name], reader.block), order)
        else:
            right = isinstance(reader, Add | Clip) and np.array_equal(orders.get(reader.name, []), order)
        if not right:
            return False
    layer = network.layer(name)
    if isinstance(layer, Conv):
        return layer.groups == 1  # those of others stay with their group
    return isinstance(layer, Add | Clip) and all(source in orders for source in layer.sources)
