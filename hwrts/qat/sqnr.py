"""Signal-to-quantisation-noise ratio of every layer: where a network loses its precision."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from hwrts.graph import run_graph
from hwrts.qat.network import QuantNetwork
from hwrts.training.rts import to_values

NOISELESS_DB = 120.0
"""Reported where nothing differs: a ratio to zero noise has no logarithm."""


@torch.inference_mode()
def layer_sqnr_db(quantised: QuantNetwork, pictures: Iterable[NDArray[np.uint8]]) -> dict[str, float]:
    """10 log10 of signal power over noise power for each quantised tensor.

    The signal is the tensor of the same network with the same float weights and no quantiser; the noise is
    what all quantisers up to there add to it. Unsigned tensors are compared after the ReLU that their
    format is.

    Args:
        quantised: The network after its fine-tuning.
        pictures: Codes (H, W, 3), at least one.
    """
    graph = quantised.cpu().eval().unquantised()
    names = list(quantised.formats)
    signal, noise = (dict.fromkeys(names, 0.0) for _ in range(2))
    for picture in pictures:
        x = to_values(np.array(picture)[None])
        exact, rounded = run_graph(graph, x), quantised.values(x)
        for name, out in quantised.formats.items():
            wanted = exact[name].double() if out.signed else exact[name].double().clamp(min=0.0)
            signal[name] += float(wanted.square().sum())
            noise[name] += float((wanted - rounded[name]).square().sum())
    return {
        name: 10 * float(np.log10(max(signal[name], 1e-30) / noise[name])) if noise[name] else NOISELESS_DB
        for name in names
    }
