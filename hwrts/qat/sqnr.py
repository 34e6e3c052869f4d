"""Signal-to-quantisation-noise ratio of every layer: where a network loses its precision."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwrts.export.stimuli import Fed
from hwrts.fixed_point import Format
from hwrts.graph import run_graph
from hwrts.qat.network import QuantNetwork

NOISELESS_DB = 120.0
"""Reported where nothing differs: a ratio to zero noise has no logarithm."""


@torch.inference_mode()
def layer_sqnr_db(quantised: QuantNetwork, pictures: Iterable[NDArray[Any] | Fed]) -> dict[str, float]:
    """10 log10 of signal power over noise power for each quantised tensor.

    The signal is the tensor of the same network with the same float weights and no quantiser; the noise is
    what all quantisers up to there add to it. Unsigned tensors are compared after the ReLU that their
    format is.

    Args:
        quantised: The network after its fine-tuning.
        pictures: Codes (H, W, C) of the first input, or of each input by its name; at least one.
    """
    graph = quantised.cpu().eval().unquantised()
    names = list(quantised.formats)
    signal, noise = (dict.fromkeys(names, 0.0) for _ in range(2))
    for picture in pictures:
        codes = picture if isinstance(picture, Mapping) else {graph.input.name: picture}
        x = {name: _values(codes[name], quantised.formats[name]) for name in codes}
        exact, rounded = run_graph(graph, x), quantised.values(x)
        for name, out in quantised.formats.items():
            wanted = exact[name].double() if out.signed else exact[name].double().clamp(min=0.0)
            signal[name] += float(wanted.square().sum())
            noise[name] += float((wanted - rounded[name]).square().sum())
    return {
        name: 10 * float(np.log10(max(signal[name], 1e-30) / noise[name])) if noise[name] else NOISELESS_DB
        for name in names
    }


def _values(codes: NDArray[Any], out: Format) -> Tensor:
    """Codes (H, W, C) to values (1, C, H, W)."""
    return torch.from_numpy(codes.astype(np.float32)).permute(2, 0, 1)[None] * 2.0**-out.frac
