"""Frames in which ties are: where only the rounding rule says what comes out.

Noise has few of them, and those of a layer whose result is clipped do not show.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.stimuli import source_size
from hwrts.fixed_point import Format, Layer, Network
from hwrts.fixed_point.codes import Codes

# Letters of the shape comments: H, W rows and columns; C channels.

_SEED = 20190
_TRIES = 300
"""Frames that are looked at; a second for a layer of 32 channels."""
_ENOUGH = 24
"""Frames that are taken at most."""


def channels_that_round(network: Network, layer: Layer) -> int:
    """Channels of a layer that drop bits, or divide: those that can have ties."""
    rounds = layer.rounds(*network.formats_of(layer.sources))
    return int(np.count_nonzero(np.broadcast_to(rounds, network.channels[layer.name])))


def tie_frames(network: Network, name: str, size: tuple[int, int] = (9, 11)) -> dict[str, list[Codes]]:
    """Frames for a layer alone whose accumulators are ties: of each channel above even codes and odd ones.

    Args:
        network: The network.
        name: Of a layer that rounds.
        size: Height and width of a frame at least.

    Returns:
        For each of its sources, by name, as many frames (H, W, C); at least one, the same one of each belong
        together. Channels that drop no bits have no ties, and some have none that are not clipped.
    """
    layer = network.layer(name)
    rng = np.random.default_rng(_SEED)
    size = network.single(name).legal_size(*size)
    sources = list(dict.fromkeys(layer.sources))
    forms = dict(zip(layer.sources, network.formats_of(layer.sources), strict=True))
    taken: dict[str, list[Codes]] = {source: [] for source in sources}
    seen: set[int] = set()
    for trial in range(_TRIES):
        frames = {}
        for source in sources:
            rows, columns = source_size(network, layer, source, size)
            shape = (rows, columns, network.channels[source])
            frames[source] = _codes(rng, forms[source], shape, trial)
            if layer.TIES_IN_LINES:
                frames[source] = _stripes(rng, forms[source], shape, frames[source])
        new = tie_kinds(layer, [frames[source] for source in layer.sources], network) - seen
        if new or not trial:
            seen |= new
            for source, frame in frames.items():
                taken[source].append(frame)
        if len(taken[sources[0]]) >= _ENOUGH or len(seen) == 4 * network.channels[name]:
            break
    return taken


def _codes(
    rng: np.random.Generator, out: Format, shape: tuple[int, int, int], trial: int
) -> NDArray[np.integer]:
    """Noise around some code, in every other frame near zero, where sums are small and nothing is clipped."""
    reach = max(1, (out.max - out.min) >> int(rng.integers(0, out.bits)))
    middle = 0 if trial % 2 else int(rng.integers(out.min, out.max, endpoint=True))
    codes = middle + rng.integers(-reach, reach, shape, endpoint=True)
    return np.clip(codes, out.min, out.max).astype(out.dtype)


def _stripes(
    rng: np.random.Generator, out: Format, shape: tuple[int, int, int], noise: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Lines of one code, some power of two apart, in every other frame: products of two taps are no ties."""
    axis = int(rng.integers(0, 4))
    if axis > 1:
        return noise
    lines = [1 if place == axis else side for place, side in enumerate(shape)]
    apart = 1 << int(rng.integers(0, out.bits))
    codes = int(rng.integers(out.min, out.max, endpoint=True)) + apart * rng.integers(
        -1, 1, lines, endpoint=True
    )
    return np.broadcast_to(np.clip(codes, out.min, out.max).astype(out.dtype), shape).copy()


def tie_kinds(layer: Layer, xs: Sequence[Codes], network: Network) -> set[int]:
    """Kinds of ties that a frame has: of each channel above even and odd codes, below and above 0.

    Args:
        layer: Any; one that rounds nothing has none.
        xs: Codes (H, W, C) of its sources.
        network: Whose layer it is.

    Returns:
        4 * channel, 2 more above odd codes, 1 more of a negative accumulator.
    """
    exact = layer.unrounded(xs, network.formats_of(layer.sources))
    if exact is None:
        return set()
    (numerator, denominator), out = exact, network.formats[layer.name]
    below = numerator // denominator  # (H, W, C)
    tie = 2 * (numerator - below * denominator) == denominator
    tie &= (below >= out.min) & (below < out.max)  # not clipped
    kind = (below & 1) * 2 + (numerator < 0)  # (H, W, C)
    channels = np.broadcast_to(np.arange(numerator.shape[2]) * 4, numerator.shape)
    return set((channels + kind)[tie].tolist())
