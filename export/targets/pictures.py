"""What a target's file is compared on: photographs, attacks, and what is no photograph, of one size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.stimuli import Fed, noise_codes
from hwrts.fixed_point import Input, Network
from hwrts.fixed_point.attacks import attack_input

DEFAULT_SIZE = (72, 120)
"""Of a file whose height and width are open."""


def check_pictures(
    network: Network, size: tuple[int, int] | None, photographs: Sequence[Fed]
) -> dict[str, Fed]:
    """Codes (H, W, C) of every input by what they show.

    Args:
        network: The integer network.
        size: Of the file; None is the size that a network takes next to 72x120.
        photographs: Codes of every input, of any size: of each as much as there is, then again.
    """
    size = size or network.legal_size(*DEFAULT_SIZE)
    sizes = {each.name: network.size_of(each.name, *size) for each in network.inputs}
    made: dict[str, Fed] = {
        f"photograph {i}": {name: _tiled(codes[name], sizes[name]) for name in sizes}
        for i, codes in enumerate(photographs)
    }
    made["noise"] = {
        each.name: noise_codes(each.channels, each.out, sizes[each.name]) for each in network.inputs
    }
    for what in ("all lowest", "all highest", "checkerboard"):
        made[what] = {each.name: _plain(what, each, sizes[each.name]) for each in network.inputs}
    for conv in network.convs:
        if any(conv.source == each.name for each in network.inputs):
            for upward in (False, True):
                highest = conv.reach(network.formats[conv.source])
                channel = int(highest.highest.argmax() if upward else highest.lowest.argmin())
                worst = attack_input(conv, network.formats[conv.source], channel, upward)[0]
                ways = "highest" if upward else "lowest"
                made[f"attack on {conv.name}, {ways}"] = {
                    **made["noise"],
                    conv.source: _tiled(worst, sizes[conv.source]),
                }
    return made


def _tiled(codes: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.integer]:
    """Cut to a size, or beside one another up to it."""
    height, width = size
    return codes[np.arange(height) % len(codes)][:, np.arange(width) % codes.shape[1]]


def _plain(what: str, tensor: Input, size: tuple[int, int]) -> NDArray[np.integer]:
    low, high = tensor.out.min, tensor.out.max
    board = np.indices(size).sum(axis=0) % 2  # (H, W)
    plane = {"all lowest": board * 0 + low, "all highest": board * 0 + high}.get(
        what, np.where(board, high, low)
    )
    return np.repeat(plane[..., None], tensor.channels, axis=2).astype(tensor.out.dtype)
