"""Channels in the order of DepthToSpace's other mode, DCR, which some clients compute in any case."""

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Add, Conv, DepthToSpace, Layer, Network

# Letters of the shape comments: C channels of the result; R block size.


def depth_first(channels: int, block: int) -> NDArray[np.int64]:
    """Which channel c*R*R + i*R + j of eq. 7 stands at each place (i*R + j)*C + c of mode DCR, (R*R*C,).

    >>> depth_first(2, 2).tolist()
    [0, 4, 1, 5, 2, 6, 3, 7]
    """
    return np.arange(channels * block**2).reshape(channels, -1).T.ravel()


def turned(network: Network) -> dict[str, NDArray[np.int64]]:
    """Orders of tensors that can be made in that order, by name: nobody but DepthToSpace sees them.

    A convolution makes its channels in any order; a sum of two such tensors stands in their order.
    """
    found: dict[str, NDArray[np.int64]] = {}
    for layer in network.layers:
        if isinstance(layer, DepthToSpace):
            chain = _chain(network, layer.source, {layer.name})
            found |= dict.fromkeys(chain, depth_first(network.channels[layer.name], layer.block))
    return found


def _chain(network: Network, name: str, readers: set[str]) -> set[str]:
    """That tensor and those that it is the sum of; none if one of them is seen by others than the readers."""
    makers: dict[str, Layer] = {layer.name: layer for layer in network.layers}
    seen = {layer.name for layer in network.layers if name in layer.sources}
    maker = makers.get(name)
    if seen - readers or name in network.outputs:
        return set()
    if isinstance(maker, Conv) and maker.groups == 1:  # channels of a group stay with it
        return {name}
    if isinstance(maker, Add) and len({network.channels[source] for source in maker.sources}) == 1:
        parts = [_chain(network, source, {name}) for source in maker.sources]
        return {name}.union(*parts) if all(parts) else set()
    return set()
