"""Pictures that make arithmetic errors show: flat, edges, noise, odd sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import Format, Input, Network, Operator
from hwrts.fixed_point.sizes import edge_padded

Picture = NDArray[np.uint8]
Fed = Mapping[str, NDArray[Any]]
"""Codes (H, W, C) of every input of a network by its name."""

_SEED = 20190


def synthetic_codes(inputs: Sequence[Input]) -> dict[str, Fed]:
    """Test pictures by name, as codes of every input of a network: over the whole range of its format."""
    made = [
        {name: _codes(picture, each.out) for name, picture in synthetic_pictures(each.channels, i).items()}
        for i, each in enumerate(inputs)
    ]
    return {
        name: {each.name: pictures[name] for each, pictures in zip(inputs, made, strict=True)}
        for name in made[0]
    }


def fed(network: Network, picture: NDArray[Any] | Fed) -> Fed:
    """Codes by input: an array alone is what the first one takes."""
    return picture if isinstance(picture, Mapping) else {network.inputs[0].name: picture}


def _codes(picture: Picture, out: Format) -> NDArray[np.integer]:
    """Bytes spread over a format's codes; of 8 bits each byte is a code of its own."""
    spread = picture.astype(np.int32) * (out.max - out.min) // (2**8 - 1)
    return (spread + out.min).astype(out.dtype)


def synthetic_pictures(channels: int = 3, place: int = 0) -> dict[str, Picture]:
    """Test pictures (H, W, channels) uint8 by name, small, with odd sizes and single-pixel edges among them.

    Args:
        channels: Of each.
        place: Of the input among several, so that no two get the same noise.
    """
    rng = np.random.default_rng(_SEED + place)
    ramp = np.add.outer(np.arange(24) * 5, np.arange(28) * 4).astype(np.uint8)  # (24, 28)
    planes = [ramp, ramp.max() - ramp, *(np.roll(ramp, 7 * i) for i in range(1, channels - 1))]
    impulse = np.zeros((15, 17, channels), np.uint8)
    impulse[7, 8] = 255
    checker = (np.indices((16, 18)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return {
        "all 0": np.zeros((13, 11, channels), np.uint8),
        "all 255": np.full((13, 11, channels), 255, np.uint8),
        "ramp": np.stack(planes[:channels], axis=2).astype(np.uint8),
        "impulse": impulse,
        "checkerboard": np.repeat(checker[..., None], channels, axis=2),
        "noise": rng.integers(0, 256, (33, 47, channels), dtype=np.uint8),
        "one pixel": rng.integers(0, 256, (1, 1, channels), dtype=np.uint8),
        "one row": rng.integers(0, 256, (1, 19, channels), dtype=np.uint8),
        "one column": rng.integers(0, 256, (21, 1, channels), dtype=np.uint8),
    }


def legal(network: Network, codes: Fed) -> Fed:
    """Codes of a size that a network takes: the right and lower edge are repeated as far as needed."""
    padded: dict[str, NDArray[Any]] = {}
    for name, x in codes.items():
        if name != network.inputs[0].name and padded and not _has_that_size(network, name):
            rows, columns = network.size_of(name, *padded[network.inputs[0].name].shape[:2])
            padded[name] = x[np.arange(rows) % len(x)][:, np.arange(columns) % x.shape[1]]
            continue
        padded[name] = edge_padded(x, *network.legal_size(*x.shape[:2]))
    return padded


def noise_codes(
    channels: int, out: Format, size: tuple[int, int] = (17, 19), place: int = 0
) -> NDArray[np.integer]:
    """Random codes (height, width, channels) over a format's whole range, which no photograph reaches.

    Args:
        channels: Of each pixel.
        out: Their format.
        size: Height and width.
        place: Of the source among several, so that no two get the same noise.
    """
    rng = np.random.default_rng(_SEED + place)
    return rng.integers(out.min, out.max, (*size, channels), endpoint=True).astype(out.dtype)


def noise_for(
    network: Network, layer: Operator, size: tuple[int, int] = (17, 19)
) -> dict[str, NDArray[np.integer]]:
    """Noise for each source of a layer, of a size that it takes; of a single pixel for what has no more."""
    size = network.single(layer.name).legal_size(*size)
    return {
        source: noise_codes(
            network.channels[source], network.formats[source], source_size(network, layer, source, size), i
        )
        for i, source in enumerate(dict.fromkeys(layer.sources))
    }


def source_size(network: Network, layer: Operator, name: str, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a source of a layer alone, where those of its result have that size.

    What is brought to the size of another tensor is larger or smaller than that, as in the network.
    """
    if not network.scales[name]:
        return 1, 1
    like = layer.window.like
    if like is None or name == layer.sources[like]:
        return size
    times = network.scales[name] / network.scales[layer.sources[like]]
    rows, columns = (max(1, int(side * times)) for side in size)
    return rows, columns


def _has_that_size(network: Network, name: str) -> bool:
    """Whether an input is as large as the first."""
    return network.scales[name] == 1
