"""Layers of one source that compute code by code, as tables: rounded here, so that no runtime rounds."""

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Network, PRelu, Scale


def tabulated(network: Network, layer: Scale | PRelu) -> NDArray[np.integer]:
    """What a layer makes of each code of its source, (C, codes) or (1, codes), the smallest code first."""
    form, channels = network.formats[layer.source], network.channels[layer.source]
    codes = np.arange(form.min, form.max + 1).astype(form.dtype)
    shared = isinstance(layer, Scale)
    column = np.broadcast_to(codes[:, None, None], (len(codes), 1, channels))  # (codes, 1, C)
    made = layer.define([column], [form], network.rounding)[:, 0]  # (codes, C)
    return made.T[:1] if shared else made.T
