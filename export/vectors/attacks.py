"""Frames of a layer alone that reach both ends of what is proved of its accumulators (eq. 9)."""

import numpy as np

from hwrts.export.stimuli import Fed, legal, noise_for
from hwrts.fixed_point import Layer, Network

Frames = tuple[Fed, ...]


def attack_frames(network: Network, layer: Layer) -> Frames:
    """Frames (H, W, C) of every source by its name, all of one size; none where no picture reaches the ends.

    Args:
        network: Whose layer it is.
        layer: Any; of what has no accumulators there are none.
    """
    frames = layer.worst(*(network.tensors[source] for source in layer.sources))
    if not frames:
        return ()
    alone, small = network.single(layer.name), noise_for(network, layer, (2, 3))
    return tuple(
        {name: np.full_like(small[name], code) for name, code in frame.items()}
        if all(isinstance(code, int) for code in frame.values())
        else legal(alone, {name: np.asarray(codes) for name, codes in frame.items()})
        for frame in frames
    )
