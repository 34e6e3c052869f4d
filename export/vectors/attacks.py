"""Frames of a layer alone that reach both ends of what is proved of its accumulators (eq. 9)."""

import itertools

import numpy as np
from numpy.typing import NDArray

from hwrts.export.stimuli import Fed, legal, noise_for
from hwrts.fixed_point import Concat, Conv, Network, Requantised, Upsample, attack_input, upsample_taps

# Letters of the shape comments: C channels; K taps.

Frames = tuple[Fed, ...]


def attack_frames(network: Network, layer: Requantised) -> Frames:
    """Frames (H, W, C) of every source by its name, all of one size; none where no picture reaches the ends.

    Args:
        network: Whose layer it is.
        layer: One that requantises.
    """
    if isinstance(layer, Conv):
        frames = _of_conv(network, layer)
    elif isinstance(layer, Upsample):
        frames = _of_upsample(network, layer)
    else:
        return _ends(network, layer)
    alone = network.single(layer.name)
    return tuple(legal(alone, {layer.source: codes}) for codes in frames)


def _of_conv(network: Network, conv: Conv) -> list[NDArray[np.integer]]:
    """The worst input of the channel that goes lowest, and that of the one that goes highest."""
    source, bounds = network.formats[conv.source], conv.reach(network.formats[conv.source])
    worst = [(int(bounds.lowest.argmin()), False), (int(bounds.highest.argmax()), True)]
    frames = [attack_input(conv, source, channel, upward)[0] for channel, upward in worst]
    if not network.scales[conv.source] and frames[0].shape[:2] != (1, 1):
        return []  # a single pixel meets one tap of a kernel alone
    return frames


def _of_upsample(network: Network, layer: Upsample) -> list[NDArray[np.integer]]:
    """Each code at the end of its range that its tap pushes with: of the new pixel that goes farthest."""
    source = network.formats[layer.source]
    taps, _ = upsample_taps(layer.kind, layer.factor)  # (F, K)
    bounds = layer.reach(source)
    frames = []
    for phase, sign in ((int(bounds.lowest.argmin()), -1), (int(bounds.highest.argmax()), 1)):
        down, along = divmod(phase, layer.factor)
        kernel = sign * np.outer(taps[down], taps[along])  # (K, K)
        codes = np.where(kernel > 0, source.max, source.min).astype(source.dtype)
        frames.append(np.repeat(codes[:, :, None], network.channels[layer.source], axis=2))  # (K, K, C)
    return frames


def _ends(network: Network, layer: Requantised) -> Frames:
    """Frames of one code each, small: every source at the ends of its range and at 0, all with all."""
    shapes = noise_for(network, layer, (2, 3))
    formats = [network.formats[source] for source in shapes]
    if isinstance(layer, Concat):  # its sources do not meet
        met = [tuple(out.min for out in formats), tuple(out.max for out in formats)]
    else:
        met = list(itertools.product(*(sorted({out.min, 0, out.max}) for out in formats)))
    return tuple(
        {name: np.full_like(noise, code) for (name, noise), code in zip(shapes.items(), codes, strict=True)}
        for codes in met
    )
